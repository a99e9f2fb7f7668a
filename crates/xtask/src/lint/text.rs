//! Rules for all text files that git tracks.

use super::Finding;

/// Directories of one user or one machine.
const MACHINE_DIRECTORIES: &[&str] = &["home", "root", "work"];
/// A longer Rust file has more than one idea.
const LONG: usize = 350;
/// The most lines of a Rust file.
const TOO_LONG: usize = 600;

/// Checks the content of one file.
pub(super) fn check(file: &str, content: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in content.lines().enumerate() {
        let faults = [machine_path(line), all_features(file, line)];
        let faults = faults.into_iter().flatten();
        findings.extend(faults.map(|reason| Finding::error(file, index + 1, reason)));
    }
    findings.extend(length(file, content.lines().count()));
    findings
}

fn machine_path(line: &str) -> Option<String> {
    let directory = MACHINE_DIRECTORIES
        .iter()
        .find(|directory| names_directory(line, directory))?;
    Some(format!("/{directory}/… is a path of one machine"))
}

/// Returns whether `line` has the absolute path `/directory/`, and not a longer path that contains
/// it.
fn names_directory(line: &str, directory: &str) -> bool {
    let path = format!("/{directory}/");
    let mut places = line.match_indices(&path);
    places.any(|(place, _)| {
        let before = line[..place].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || "_-./*}".contains(before))
    })
}

/// Reports builds with every feature: CUDA, Metal and Accelerate never build together. Prose may mention it.
fn all_features(file: &str, line: &str) -> Option<String> {
    let is_prose = file.ends_with(".md");
    let found = line.contains(concat!("--all", "-features"))
        || line
            .replace(' ', "")
            .contains(concat!("all", "-features=true"));
    (found && !is_prose).then(|| "the features of the devices exclude each other".to_owned())
}

fn length(file: &str, lines: usize) -> Option<Finding> {
    let is_test = file
        .split('/')
        .any(|directory| matches!(directory, "tests" | "tests.rs" | "benches"));
    if !file.ends_with(".rs") {
        None
    } else if lines > TOO_LONG {
        let reason = format!("{lines} lines, more than {TOO_LONG}");
        Some(Finding::error(file, 1, reason))
    } else if lines > LONG && !is_test {
        let reason = format!("{lines} lines, more than {LONG}: is this one idea?");
        Some(Finding::warning(file, 1, reason))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    fn faults(file: &str, content: &str) -> Vec<usize> {
        check(file, content)
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn paths_of_a_machine_are_reported_at_their_line() {
        for directory in MACHINE_DIRECTORIES {
            let content = format!("fine\npath = \"/{directory}/name/models\"\n");
            assert_eq!(faults("config/default.toml", &content), [2]);
            assert_eq!(faults("Dockerfile", &format!("/{directory}/models\n")), [1]);
        }
    }

    #[test]
    fn the_same_names_inside_other_paths_are_fine() {
        for directory in MACHINE_DIRECTORIES {
            for before in ["src", "..", "${HOME}", "https://example.org", "*"] {
                assert!(faults("a.md", &format!("{before}/{directory}/x\n")).is_empty());
            }
        }
    }

    #[test]
    fn all_features_is_reported_outside_prose() {
        let flag = concat!("cargo test --all", "-features\n");
        assert_eq!(faults(".ci/run", flag), [1]);
        assert!(faults("README.md", flag).is_empty());
        assert_eq!(
            faults("deny.toml", concat!("all", "-features = true\n")),
            [1]
        );
    }

    #[test]
    fn long_files_warn_and_too_long_ones_fail() {
        let severity = |file: &str, lines: usize| {
            check(file, &"\n".repeat(lines))
                .first()
                .map(|finding| finding.severity)
        };
        assert_eq!(severity("crates/a/src/a.rs", LONG), None);
        assert_eq!(
            severity("crates/a/src/a.rs", LONG + 1),
            Some(Severity::Warning)
        );
        assert_eq!(severity("tests/golden/a.rs", LONG + 1), None);
        assert_eq!(severity("crates/a/src/a/tests.rs", LONG + 1), None);
        assert_eq!(
            severity("tests/golden/a.rs", TOO_LONG + 1),
            Some(Severity::Error)
        );
        assert_eq!(severity("Cargo.lock", TOO_LONG + 1), None);
    }
}
