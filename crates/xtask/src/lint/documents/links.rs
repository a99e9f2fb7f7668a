//! Relative links, their anchors, and the summary of the book.

use std::collections::{BTreeMap, BTreeSet};

use super::page::Page;
use crate::lint::Finding;

/// The table of contents of the book.
const SUMMARY: &str = "docs/SUMMARY.md";
/// The directory of the book.
const BOOK: &str = "docs/";

/// Reports broken links, and pages that are not in the summary.
pub(super) fn check(pages: &[Page], files: &BTreeSet<&str>) -> Vec<Finding> {
    let by_file: BTreeMap<&str, &Page> = pages
        .iter()
        .map(|page| (page.file.as_str(), page))
        .collect();
    let links = pages.iter().flat_map(|page| {
        let links = page.links.iter();
        links.filter_map(|(line, link)| {
            let reason = fault(&page.file, link, files, &by_file)?;
            Some(Finding::error(&page.file, *line, reason))
        })
    });
    links.chain(missing_in_summary(pages)).collect()
}

/// Returns what is wrong with a link of `file`.
fn fault(
    file: &str,
    link: &str,
    files: &BTreeSet<&str>,
    pages: &BTreeMap<&str, &Page>,
) -> Option<String> {
    if link.contains("://") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = resolve(file, path);
    if !files.contains(target.as_str()) {
        return Some(format!("the link {link} leads to no file"));
    }
    if file.starts_with(BOOK) && !target.starts_with(BOOK) {
        return Some(format!(
            "the link {link} leads out of the book; name the file as code"
        ));
    }
    let page = pages.get(target.as_str());
    let is_there = anchor.is_empty() || page.is_some_and(|page| page.anchors.contains(anchor));
    (!is_there).then(|| format!("the link {link} leads to no heading"))
}

/// Resolves `path` on the page `file`.
fn resolve(file: &str, path: &str) -> String {
    if path.is_empty() {
        return file.to_owned();
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Reports pages of the book that are not in the summary.
fn missing_in_summary(pages: &[Page]) -> Vec<Finding> {
    let summary = pages.iter().filter(|page| page.file == SUMMARY);
    let listed: BTreeSet<String> = summary
        .flat_map(|page| &page.links)
        .map(|(_, link)| resolve(SUMMARY, link))
        .collect();
    let of_book = pages.iter().map(|page| page.file.as_str());
    of_book
        .filter(|file| file.starts_with(BOOK) && *file != SUMMARY && !listed.contains(*file))
        .map(|file| Finding::error(file, 1, format!("the page is not in {SUMMARY}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lines that are reported for the page `docs/a/b.md` with this `text`.
    fn lines(text: &str) -> Vec<usize> {
        let pages = [
            Page::parse("docs/a/b.md", text),
            Page::parse("docs/c.md", "# Some heading\n"),
            Page::parse(
                "README.md",
                "[c](docs/c.md#some-heading) [toml](config/a.toml)\n",
            ),
            Page::parse(SUMMARY, "- [b](a/b.md)\n- [c](c.md)\n"),
        ];
        let mut files: BTreeSet<&str> = pages.iter().map(|page| page.file.as_str()).collect();
        files.insert("config/a.toml");
        let findings = check(&pages, &files);
        assert!(findings.iter().all(|finding| finding.file == "docs/a/b.md"));
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn links_to_files_headings_and_sites_are_fine() {
        let fine = "# Here\n[a](../c.md) [b](../c.md#some-heading) [c](#here) [d](https://a.b)\n";
        assert!(lines(fine).is_empty());
    }

    #[test]
    fn broken_links_are_reported_at_their_line() {
        assert_eq!(lines("\n[a](c.md)\n"), [2]);
        assert_eq!(lines("[a](../c.md#other-heading)\n"), [1]);
        assert_eq!(lines("[a](#nowhere)\n"), [1]);
    }

    #[test]
    fn pages_of_the_book_link_to_the_book_only() {
        assert_eq!(lines("[a](../../config/a.toml)\n"), [1]);
    }

    #[test]
    fn pages_that_the_summary_lacks_are_reported() {
        let pages = [
            Page::parse("docs/a.md", ""),
            Page::parse(SUMMARY, "# Summary\n"),
            Page::parse("README.md", ""),
        ];
        let findings = missing_in_summary(&pages);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].file, "docs/a.md");
    }
}
