//! The commands in the documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::program::executable;

/// Returns every page with commands: the README and the book, in the order of their names.
pub(crate) fn pages() -> Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("CONTRIBUTING.md"), root.join("README.md")];
    let mut directories = vec![root.join("docs")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|name| name == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// Returns the content of each block of a page whose fence says `info`.
pub(crate) fn blocks(page: &Path, info: &str) -> Result<Vec<String>> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let fence = format!("```{info}\n");
    let found = text.split(&fence).skip(1);
    let contents = found.filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned()));
    Ok(contents.collect())
}

/// Returns what `facegen WORDS --help` prints.
fn help(words: &[String]) -> Result<String> {
    let output = Command::new(executable()?)
        .args(words)
        .arg("--help")
        .output()?;
    ensure!(output.status.success(), "{words:?}");
    Ok(String::from_utf8(output.stdout)?)
}

/// Returns the subcommands in a command's help.
fn commands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let lines = list.lines().take_while(|line| !line.is_empty());
    // Continued lines are indented further.
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    names.map(str::to_owned).collect()
}

/// Returns the long options in a command's help.
fn options(help: &str) -> impl Iterator<Item = String> {
    let lines = help.lines().map(str::trim_start);
    let lines = lines.filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split([' ', ',', '=', '.', ']']));
    let names = words.filter(|word| word.starts_with("--") && word.len() > 2);
    names.map(str::to_owned)
}

/// Returns every command without subcommands, and every option of any.
fn whole_program() -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let (mut named, mut all) = (BTreeSet::new(), BTreeSet::new());
    let mut waiting = vec![Vec::new()];
    while let Some(words) = waiting.pop() {
        let help = help(&words)?;
        all.extend(options(&help));
        let below = commands(&help);
        if below.is_empty() {
            named.insert(format!("facegen {}", words.join(" ")));
        }
        waiting.extend(
            below
                .into_iter()
                .map(|name| [words.clone(), vec![name]].concat()),
        );
    }
    Ok((named, all))
}

/// Returns the long options in the code spans of a text.
fn named_options(text: &str) -> BTreeSet<String> {
    let spans = text.split('`').skip(1).step_by(2);
    let words = spans.filter_map(|span| span.split(' ').find(|word| word.starts_with("--")));
    words.map(str::to_owned).collect()
}

#[test]
fn the_reference_names_exactly_the_commands_and_options() -> Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/cli.md");
    let page = fs::read_to_string(page)?;
    let (commands, mut options) = whole_program()?;
    for command in &commands {
        let is_row = page.contains(&format!("| `{command}"));
        let is_heading = page.contains(&format!("\n## {command}\n"));
        assert!(is_row || is_heading, "{command}");
    }
    // Options that every program has.
    options.remove("--help");
    options.remove("--version");
    let mut named = named_options(&page);
    named.remove("--help");
    named.remove("--version");
    assert_eq!(named, options);
    let is_command = |row: &&str| row.starts_with("| `facegen ");
    assert!(page.lines().filter(is_command).all(|row| {
        commands
            .iter()
            .any(|command| row.starts_with(&format!("| `{command}")))
    }));
    Ok(())
}
