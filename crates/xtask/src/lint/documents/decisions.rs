//! The form of a decision: a number, a date, alternatives and consequences.

use super::page::Page;
use crate::lint::Finding;

/// The directory of the decisions.
const DECISIONS: &str = "docs/decisions/";
/// The headings of each decision.
const HEADINGS: [&str; 3] = ["decision", "alternatives", "consequences"];

/// Reports decisions that lack a part.
pub(super) fn check(pages: &[Page]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages {
        let name = page.file.strip_prefix(DECISIONS);
        if let Some(name) = name.filter(|name| *name != "README.md") {
            let faults = faults(name, page).into_iter();
            findings.extend(faults.map(|reason| Finding::error(&page.file, 1, reason)));
        }
    }
    findings
}

fn faults(name: &str, page: &Page) -> Vec<String> {
    let number = name.get(..4).unwrap_or_default();
    let title = page.lines.first().map_or("", String::as_str);
    let mut faults = Vec::new();
    if number.parse::<u32>().is_err() || !title.starts_with(&format!("# {number}. ")) {
        faults.push("the file and the title begin with the same number of four digits".to_owned());
    }
    if !page.lines.iter().any(|line| is_dated(line)) {
        faults.push("there is no line `Date: YYYY-MM-DD`".to_owned());
    }
    let missing = HEADINGS
        .iter()
        .filter(|heading| !page.anchors.contains(**heading));
    faults.extend(missing.map(|heading| format!("there is no heading for the {heading}")));
    faults
}

/// Returns whether the line gives the date of the decision.
fn is_dated(line: &str) -> bool {
    let date = line.strip_prefix("Date: ").and_then(|rest| rest.get(..10));
    let shape = |(index, character): (usize, char)| match index {
        4 | 7 => character == '-',
        _ => character.is_ascii_digit(),
    };
    date.is_some_and(|date| date.chars().enumerate().all(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(file: &str, text: &str) -> usize {
        check(&[Page::parse(file, text)]).len()
    }

    #[test]
    fn a_whole_decision_is_fine_and_each_missing_part_is_reported() {
        let whole = "# 0001. A\n\nDate: 2026-11-22. Topic: a.\n\n## Decision\n\n## Alternatives\n\n## Consequences\n";
        let file = "docs/decisions/0001-a.md";
        assert_eq!(count(file, whole), 0);
        assert_eq!(count("docs/decisions/0002-a.md", whole), 1);
        for part in [
            "# 0001. A",
            "Date: 2026-11-22",
            "## Decision",
            "## Alternatives",
            "## Consequences",
        ] {
            assert_eq!(count(file, &whole.replace(part, "x")), 1, "{part}");
        }
        assert_eq!(count("docs/decisions/README.md", "# Decisions\n"), 0);
    }
}
