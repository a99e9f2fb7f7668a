//! Rules for the documents: `README.md` and its siblings, and the book in `docs`.

mod blocks;
pub(crate) mod config_page;
mod decisions;
mod links;
mod page;
mod reference;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use self::page::Page;
use super::Finding;

/// The most lines of a first page that is read to its end.
const README_LINES: usize = 120;

/// Checks all documents among `files`, which are relative to `root`.
pub(super) fn check(root: &Path, files: &[String]) -> Result<Vec<Finding>> {
    let mut pages = Vec::new();
    for file in files.iter().filter(|file| is_document(file)) {
        let content = fs::read_to_string(root.join(file)).with_context(|| file.clone())?;
        pages.push(Page::parse(file, &content));
    }
    let known: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    let defaults = fs::read_to_string(root.join(config_page::SOURCE))?;
    let mut findings = links::check(&pages, &known);
    findings.extend(blocks::check(&pages, &defaults.parse()?));
    findings.extend(decisions::check(&pages));
    findings.extend(length(&pages));
    findings.extend(config_page::check(root, &defaults)?);
    findings.extend(reference::check(root, files, &pages)?);
    Ok(findings)
}

/// Returns whether a file is a page of the book or one that a repository shows first.
fn is_document(file: &str) -> bool {
    file.ends_with(".md") && (file.starts_with("docs/") || !file.contains('/'))
}

fn length(pages: &[Page]) -> Option<Finding> {
    let readme = pages.iter().find(|page| page.file == "README.md")?;
    let reason = format!("{} lines, more than {README_LINES}", readme.lines.len());
    (readme.lines.len() > README_LINES).then(|| Finding::error("README.md", 1, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_the_book_and_the_front_of_the_repository() {
        assert!(is_document("README.md") && is_document("docs/guides/run.md"));
        assert!(!is_document("models/demo/train/README.md") && !is_document("docs/book.toml"));
    }

    #[test]
    fn a_first_page_that_is_too_long_is_reported() {
        let page = |lines| Page::parse("README.md", &"a\n".repeat(lines));
        assert!(length(&[page(README_LINES)]).is_none());
        assert!(length(&[page(README_LINES + 1)]).is_some());
    }
}
