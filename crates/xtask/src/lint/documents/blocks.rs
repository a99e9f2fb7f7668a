//! Fenced code blocks: each has a mark, and its content matches the mark.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::page::{Block, Page};
use crate::lint::Finding;

/// The languages of blocks, and their marks, of which each block has exactly one. An empty mark
/// means none. `docs/development/documents.md` explains them.
const LANGUAGES: &[(&str, &[&str])] = &[
    (
        "sh",
        &["run", "serve", "build", "gpu", "hub", "docker", "host"],
    ),
    ("python", &["receiver", "client"]),
    ("toml", &["", "config"]),
    ("json", &[""]),
    ("ini", &[""]),
    ("nginx", &[""]),
    ("promql", &[""]),
    ("mermaid", &[""]),
    ("text", &[""]),
];

/// Reports blocks without a valid mark or with other content. `defaults` is the config with all
/// settings.
pub(super) fn check(pages: &[Page], defaults: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages {
        let faults = page.blocks.iter().filter_map(|block| {
            let reason = mark_fault(block).or_else(|| content_fault(block, defaults))?;
            Some(Finding::error(&page.file, block.line, reason))
        });
        findings.extend(faults);
    }
    findings
}

/// Returns what is wrong with the mark.
fn mark_fault(block: &Block) -> Option<String> {
    let (language, mark) = block.info.split_once(' ').unwrap_or((&block.info, ""));
    let Some((_, marks)) = LANGUAGES.iter().find(|(name, _)| *name == language) else {
        return Some(format!("a block in no known language: `{}`", block.info));
    };
    let is_known = marks.contains(&mark);
    (!is_known).then(|| format!("a block of {language} is marked with one of {marks:?}"))
}

/// Returns what is wrong with the content of a block with a valid mark.
fn content_fault(block: &Block, defaults: &Table) -> Option<String> {
    match block.info.as_str() {
        "json" => {
            let parsed = serde_json::from_str::<Json>(&block.content);
            parsed
                .err()
                .map(|error| format!("this is not JSON: {error}"))
        }
        "toml" => parse_toml(&block.content).err(),
        "toml config" => match parse_toml(&block.content) {
            Ok(settings) => unknown_setting(&settings, defaults, ""),
            Err(reason) => Some(reason),
        },
        _ => None,
    }
}

fn parse_toml(text: &str) -> Result<Table, String> {
    text.parse()
        .map_err(|error| format!("this is not TOML: {error}"))
}

/// Returns a setting that the defaults do not have.
fn unknown_setting(settings: &Table, defaults: &Table, section: &str) -> Option<String> {
    settings.iter().find_map(|(key, value)| {
        let name = format!("{section}{key}");
        match (value, defaults.get(key)) {
            (_, None) => Some(format!("there is no setting {name}")),
            (Value::Table(inner), Some(Value::Table(defaults))) => {
                unknown_setting(inner, defaults, &format!("{name}."))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_faulty(block: &str) -> bool {
        let defaults = "[server]\nlisten = \"\"\n[storage.s3]\nbucket = \"\"\n";
        let pages = [Page::parse("a.md", &format!("{block}\n```\n"))];
        !check(&pages, &defaults.parse().unwrap()).is_empty()
    }

    #[test]
    fn every_block_is_marked() {
        for fine in [
            "```sh run\nls",
            "```sh gpu",
            "```text\nx",
            "```mermaid",
            "```python client",
        ] {
            assert!(!is_faulty(fine), "{fine}");
        }
        for faulty in [
            "```\nls",
            "```sh\nls",
            "```sh fast",
            "```rust",
            "```python",
            "```text run",
        ] {
            assert!(is_faulty(faulty), "{faulty}");
        }
    }

    #[test]
    fn json_and_toml_can_be_read() {
        assert!(!is_faulty("```json\n{\"a\": 1}"));
        assert!(is_faulty("```json\n{\"a\": …}"));
        assert!(!is_faulty("```toml\n[a]\nb = 1"));
        assert!(is_faulty("```toml\n[a\nb = 1"));
    }

    #[test]
    fn settings_exist() {
        assert!(!is_faulty(
            "```toml config\n[server]\nlisten = \"a\"\n[storage.s3]\nbucket = \"b\""
        ));
        assert!(is_faulty("```toml config\n[server]\nport = 1"));
        assert!(is_faulty("```toml config\n[storage.s3]\nname = \"b\""));
        assert!(is_faulty("```toml config\n[serve]\nlisten = \"a\""));
    }
}
