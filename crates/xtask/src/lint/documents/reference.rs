//! Tables that must match the code, and paths in the text.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::page::Page;
use crate::lint::Finding;

/// The page with the table of metrics.
const METRICS: &str = "docs/reference/metrics.md";
/// The page with the table of exit codes, and their source file.
const EXIT_CODES: (&str, &str) = (
    "docs/reference/exit-codes.md",
    "crates/facegen/src/failure.rs",
);
/// The prefixes of paths of the repository.
const DIRECTORIES: [&str; 7] = [
    "benches/", "config/", "crates/", "docker/", "docs/", "models/", "tests/",
];

/// Compares the tables with the code, and checks that the files in the text exist.
pub(super) fn check(root: &Path, files: &[String], pages: &[Page]) -> Result<Vec<Finding>> {
    let (page, source) = EXIT_CODES;
    let source = fs::read_to_string(root.join(source)).context(source)?;
    let mut findings = compare(pages, METRICS, &metrics(root, files)?);
    findings.extend(compare(pages, page, &exit_codes(&source)));
    findings.extend(missing_paths(files, pages));
    Ok(findings)
}

/// Reports names that only the code or only the first column of the page has.
fn compare(pages: &[Page], file: &str, code: &BTreeSet<String>) -> Vec<Finding> {
    let page = pages.iter().filter(|page| page.file == file);
    let listed: BTreeSet<String> = page
        .flat_map(|page| &page.lines)
        .filter_map(|line| first_cell(line))
        .filter(|cell| cell.starts_with("facegen_") || cell.parse::<u8>().is_ok())
        .collect();
    listed
        .symmetric_difference(code)
        .map(|name| {
            Finding::error(
                file,
                1,
                format!("{name} is in the table or in the code only"),
            )
        })
        .collect()
}

/// Returns the first cell of a row, without backticks.
fn first_cell(line: &str) -> Option<String> {
    let (cell, _) = line.strip_prefix("| ")?.split_once(" |")?;
    Some(cell.trim_matches('`').to_owned())
}

/// Returns the names of metrics in all sources.
fn metrics(root: &Path, files: &[String]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let is_source = |file: &&String| file.contains("/src/") && file.ends_with(".rs");
    let of_others = files.iter().filter(is_source);
    for file in of_others.filter(|file| !file.starts_with("crates/xtask/")) {
        let source = fs::read_to_string(root.join(file)).with_context(|| file.clone())?;
        names.extend(metric_names(&source));
    }
    Ok(names)
}

/// Returns the strings of a source that are names of metrics, if it uses the crate `metrics`.
fn metric_names(source: &str) -> Vec<String> {
    if !source.contains("metrics::") {
        return Vec::new();
    }
    let texts = source.split("\"facegen_").skip(1);
    let names = texts.filter_map(|rest| Some(rest.split_once('"')?.0));
    let is_name = |name: &&str| {
        name.chars()
            .all(|character| character.is_ascii_lowercase() || character == '_')
    };
    names
        .filter(is_name)
        .map(|name| format!("facegen_{name}"))
        .collect()
}

/// Returns the numbers of lines such as `Self::Load(_) => 5,`, and 0.
fn exit_codes(source: &str) -> BTreeSet<String> {
    let arms = source
        .lines()
        .filter(|line| line.trim_start().starts_with("Self::"));
    let results = arms.filter_map(|line| Some(line.split_once("=> ")?.1.trim_end_matches(',')));
    let codes = results.filter(|code| code.parse::<u8>().is_ok());
    codes.chain(["0"]).map(str::to_owned).collect()
}

/// Reports paths of the repository that a page names as code and that do not exist.
fn missing_paths(files: &[String], pages: &[Page]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages.iter().filter(|page| page.file != "CHANGELOG.md") {
        let missing = page
            .spans
            .iter()
            .filter(|(_, span)| is_path(span) && !exists(files, span));
        findings.extend(
            missing.map(|(line, path)| {
                Finding::error(&page.file, *line, format!("there is no {path}"))
            }),
        );
    }
    findings
}

/// Returns whether a code span is a path, and not a pattern of paths.
fn is_path(span: &str) -> bool {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    DIRECTORIES
        .iter()
        .any(|directory| span.starts_with(directory))
        && span.chars().all(is_plain)
        && !span.contains("NAME")
}

/// Returns whether a path is a file or a directory of the repository.
fn exists(files: &[String], path: &str) -> bool {
    let directory = format!("{}/", path.trim_end_matches('/'));
    files
        .iter()
        .any(|file| file == path || file.starts_with(&directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_where_they_are_recorded() {
        let source = "use metrics::counter;\nconst A: &str = \"facegen_a_total\";\nlog(\"facegen_jobs=trace\");";
        assert_eq!(metric_names(source), ["facegen_a_total"]);
        assert!(metric_names("const A: &str = \"facegen_a_total\";").is_empty());
    }

    #[test]
    fn exit_codes_are_the_numbers_of_the_arms() {
        let source = "match self {\n    Self::Other(_) => 1,\n    Self::Load(_) => 5,\n    Self::Other(e) => write(e),\n}";
        let codes: Vec<String> = exit_codes(source).into_iter().collect();
        assert_eq!(codes, ["0", "1", "5"]);
    }

    #[test]
    fn a_table_and_the_code_have_the_same_names() {
        let page = |text| [Page::parse(METRICS, text)];
        let code = BTreeSet::from(["facegen_a".to_owned()]);
        assert!(
            compare(
                &page("| name |\n|---|\n| `facegen_a` | b |\n"),
                METRICS,
                &code
            )
            .is_empty()
        );
        assert_eq!(
            compare(&page("| `facegen_b` | b |\n"), METRICS, &code).len(),
            2
        );
        assert_eq!(compare(&page(""), METRICS, &code).len(), 1);
    }

    #[test]
    fn missing_paths_are_reported() {
        let files = ["crates/a/src/lib.rs".to_owned()];
        let missing = |text: &str| missing_paths(&files, &[Page::parse("docs/a.md", text)]).len();
        assert_eq!(missing("`crates/a/src` `crates/a/src/lib.rs` `crates`"), 0);
        assert_eq!(missing("`models/NAME.toml` `crates/*/src` `a/b`"), 0);
        assert_eq!(missing("`crates/a/src/main.rs` and `tests/b`"), 2);
    }
}
