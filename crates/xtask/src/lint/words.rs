//! Words that hide what the field has a name for.

use super::Finding;

/// What is not to be used, and the word for it.
const WORDS: &[(&str, &str)] = &[
    ("AT_ONCE", "MAX_IN_FLIGHT"),
    ("DetectionLadder", "RetryingDetector"),
    ("Findings", "Diagnostics"),
    ("InHand", "RunningJobs"),
    ("LOOK_EVERY", "POLL_INTERVAL"),
    ("OpenSides", "AutoSize"),
    ("Pace", "Throughput"),
    ("Pulse", "Watchdog"),
    ("Rung", "Attempt"),
    ("UrlJudge", "UrlChecker"),
    ("breakdowns", "crash_count"),
    ("decode_own", "decode_stored"),
    ("held_by", "hold_during"),
    ("last_mail", "stop_claiming"),
    ("look_for_mail", "wake_deliveries"),
    ("mailbox", "deliveries"),
    ("own_file", "local_file_name"),
    ("put_down", "on_task_finished"),
    ("soften", "force_status_200"),
    ("tell_end", "notify_ended"),
    ("tidy_path", "normalize_path"),
    ("to_the_end", "run_detached"),
];

/// What no word may contain, in any case, and the word for it.
const PARTS: &[(&str, &str)] = &[
    ("folder", "directory"),
    ("photograph", "photo"),
    ("picture", "image"),
];

/// What no line may say, in any case, and the plain word for it.
const PROSE: &[(&str, &str)] = &[
    ("anew", "again"),
    ("beside", "next to"),
    ("gives back", "returns"),
    ("goes by", "follows"),
    ("goes over to", "applies"),
    ("nobody", "no one"),
    ("of late", "recently"),
    ("shall", "must"),
    ("told", "reported"),
    ("whoever", "the caller"),
    ("whosoever", "the caller"),
];

/// Names that callers, operators and files on disk have known since before.
const NAMES: &[&str] = &[
    "folder_name",
    "\"folder\"",
    "\"nobody\"",
    "\"pictures\"",
    "/pictures",
    "`pictures`",
    "\"photograph",
    "photograph, photorealistic",
    "photograph, drawing",
    "(\"picture\")",
    "data/pictures",
    "assets/photographs",
    "photographs/{",
    "this picture was hidden",
    "keep_pictures_hours",
    "picture-1",
    "picture.png",
    "picture: ",
    "pictures: ",
    "picture-{",
    "pictures_per_step",
    "scrfd_nobody",
];

/// What the words are looked for in. SQL keeps the columns that databases have.
const KINDS: [&str; 4] = [".rs", ".md", ".toml", ".yaml"];

/// Names of columns and rows that exist, this list, and what a painter makes.
const NAMES_EXCEPT: &[&str] = &[
    "crates/facegen-store/",
    "crates/xtask/src/lint/words.rs",
    "models/demo/train/",
    "tests/golden/python/",
];

/// This list, terms of licences, and the records of how models and goldens were made.
const PROSE_EXCEPT: &[&str] = &[
    "crates/xtask/src/lint/words.rs",
    "models/",
    "tests/golden/python/",
];

type Word = (&'static str, &'static str);

/// Checks the content of one file.
pub(super) fn check(file: &str, content: &str) -> Vec<Finding> {
    if !KINDS.iter().any(|kind| file.ends_with(kind)) {
        return Vec::new();
    }
    let is_checked = |except: &[&str]| !except.iter().any(|prefix| file.starts_with(prefix));
    let (names, prose) = (is_checked(NAMES_EXCEPT), is_checked(PROSE_EXCEPT));
    let lines = content.lines().enumerate();
    let findings = lines.flat_map(|(index, line)| {
        let of_names = names.then(|| names_in(line)).into_iter().flatten();
        let of_prose = prose.then(|| prose_in(line)).into_iter().flatten();
        of_names.chain(of_prose).map(move |(word, plain)| {
            Finding::error(file, index + 1, format!("{word}: the word is {plain}"))
        })
    });
    findings.collect()
}

/// Returns the names and parts of words in a line that have another word.
fn names_in(line: &str) -> Vec<Word> {
    let rest = without_names(line);
    let words = WORDS.iter().filter(|(word, _)| has_word(line, word));
    let parts = PARTS.iter().filter(|(part, _)| rest.contains(part));
    words.chain(parts).copied().collect()
}

/// Returns the words of [`PROSE`] in a line, also as words of a name in snake case.
fn prose_in(line: &str) -> Vec<Word> {
    let rest = without_names(line).replace('_', " ");
    let words = PROSE.iter().filter(|(word, _)| has_word(&rest, word));
    words.copied().collect()
}

/// Returns the line in lower case, without the names that are to stay.
fn without_names(line: &str) -> String {
    let line = line.to_lowercase();
    NAMES.iter().fold(line, |line, name| line.replace(name, ""))
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(place, _)| {
        let (before, after) = (&line[..place], &line[place + word.len()..]);
        !before.chars().next_back().is_some_and(is_part)
            && !after.chars().next().is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_word_is_found_and_names_that_are_known_stay() {
        let planted = "struct PhotographStore;\nlet old_pictures = 1;\n// the Folder\n";
        let lines = check("crates/a/src/b.rs", planted).into_iter();
        assert_eq!(
            lines.map(|finding| finding.line).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        let names = "keep_pictures_hours = 24\ncp data/pictures backup\n--out picture.png\n| `pictures` |\n";
        assert!(check("docs/a.md", names).is_empty());
    }

    #[test]
    fn a_planted_word_is_found_as_a_whole_word_only() {
        let faults = check(
            "crates/a/src/b.rs",
            "let x = Pulse::new();\nlet y = Pulses;\n",
        );
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].line, 1);
        assert!(check("crates/a/migrations/b.sql", "breakdowns INTEGER").is_empty());
        assert!(check("crates/facegen-store/src/b.rs", "breakdowns").is_empty());
    }

    #[test]
    fn planted_prose_is_found_in_every_kind_of_file_and_case() {
        for (word, plain) in PROSE {
            for kind in KINDS {
                let content = format!("plain\nIt says {}, here.\n", word.to_uppercase());
                let findings = check(&format!("crates/facegen-store/a{kind}"), &content);
                let [finding] = &findings[..] else {
                    panic!("{word} in {kind}: {} findings", findings.len());
                };
                assert_eq!(finding.line, 2);
                assert!(finding.reason.contains(plain), "{word}");
            }
            let name = format!("fn a_{}_b() {{}}\n", word.replace(' ', "_"));
            assert_eq!(check("tests/api/a.rs", &name).len(), 1, "{word}");
            assert!(check("models/a.toml", word).is_empty(), "{word}");
        }
    }

    #[test]
    fn words_that_only_contain_prose_stay() {
        let content = "besides, shallow, retold, and a renewal\nbyte by byte of later\n";
        assert!(check("docs/a.md", content).is_empty());
    }
}
