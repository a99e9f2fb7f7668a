//! `facegen completions` and `facegen man`: what a shell and a reader of manuals
//! need, from the definition of the commands.

use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::output;

/// The name of the program.
const NAME: &str = "facegen";

/// Prints the completions of a shell.
pub(crate) fn completions(shell: Shell) -> Result<()> {
    output::print(&completions_of(shell)?)
}

/// Prints the manual page of the program, or writes that of every command into a
/// directory.
pub(crate) fn manual(directory: Option<&Path>) -> Result<()> {
    let Some(directory) = directory else {
        return output::print(&main_page()?);
    };
    clap_mangen::generate_to(Cli::command(), directory)
        .with_context(|| format!("cannot write manual pages to {}", directory.display()))
}

fn completions_of(shell: Shell) -> Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    String::from_utf8(script).context("the completions are not text")
}

fn main_page() -> Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .context("cannot write the manual page")?;
    String::from_utf8(page).context("the manual page is not text")
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_gets_the_commands() {
        for shell in Shell::value_variants() {
            let script = completions_of(*shell).unwrap();
            for word in ["generate", "completions", "models"] {
                assert!(script.contains(word), "{word} for {shell}");
            }
        }
    }

    #[test]
    fn every_command_gets_a_page() {
        let page = main_page().unwrap();
        assert!(
            page.starts_with(".ie") || page.contains(".TH facegen 1"),
            "{page}"
        );
        let directory = tempfile::tempdir().unwrap();
        manual(Some(directory.path())).unwrap();
        for name in ["facegen.1", "facegen-generate.1", "facegen-models-pull.1"] {
            assert!(directory.path().join(name).is_file(), "{name}");
        }
        assert!(manual(Some(&directory.path().join("missing"))).is_err());
    }
}
