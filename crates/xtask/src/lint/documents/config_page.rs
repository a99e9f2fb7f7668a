//! The reference of the config, generated from the defaults and their comments.

use std::fs;
use std::mem;
use std::path::Path;

use anyhow::{Context, Result};

use crate::lint::Finding;

/// The defaults, each with its comment.
pub(super) const SOURCE: &str = "config/default.toml";
/// The generated page.
const PAGE: &str = "docs/reference/config.md";

/// Writes the page.
///
/// # Errors
/// Fails when the defaults cannot be read or the page cannot be written.
pub(crate) fn write(root: &Path) -> Result<&'static str> {
    let defaults = fs::read_to_string(root.join(SOURCE)).context(SOURCE)?;
    fs::write(root.join(PAGE), render(&defaults)).context(PAGE)?;
    Ok(PAGE)
}

/// Reports a page that is not up to date.
pub(super) fn check(root: &Path, defaults: &str) -> Result<Option<Finding>> {
    let page = fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let reason = format!("this is not what {SOURCE} says; `cargo xtask docs` writes it");
    Ok((page != render(defaults)).then(|| Finding::error(PAGE, 1, reason)))
}

/// Renders the page of these defaults.
fn render(defaults: &str) -> String {
    let mut page = format!("# Config\n\n<!-- Written by `cargo xtask docs` from {SOURCE}. -->\n");
    let mut section = String::new();
    let mut comment = String::new();
    for line in defaults.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment += text.strip_prefix(' ').unwrap_or(text);
            comment.push('\n');
            continue;
        }
        let text = mem::take(&mut comment);
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            page += &format!("\n## {section}\n{}", paragraph(&text));
        } else if let Some((key, default)) = line.split_once(" = ") {
            let default = format!("Default: `{default}`\n");
            page += &format!("\n### {section}.{key}\n\n{default}{}", paragraph(&text));
        } else if section.is_empty() {
            page += &paragraph(&text);
        }
    }
    page
}

/// Renders a comment as text of the page.
fn paragraph(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_headings_with_their_default_and_comment() {
        let defaults = "# Of all.\n#\n# More.\n\n[a]\n# Says\n# b.\nb = \"c\"\n# Says d.\nd = 1\n\n# Of e.\n[a.e]\n# F.\nf = []\n";
        let page = render(defaults);
        let (_, text) = page.split_once("-->\n").unwrap();
        let expected = "\nOf all.\n\nMore.\n\n## a\n\n### a.b\n\nDefault: `\"c\"`\n\nSays\nb.\n\
                        \n### a.d\n\nDefault: `1`\n\nSays d.\n\n## a.e\n\nOf e.\n\
                        \n### a.e.f\n\nDefault: `[]`\n\nF.\n";
        assert_eq!(text, expected);
    }
}
