//! The commands of the documents, run as their readers run them.
//!
//! Blocks of `sh run` are run page by page, in their order, where a reader would be: in a directory
//! with the repository's models and photos, with the program on the path, and with a server of
//! the demo preset. The settings in blocks of `sh serve` are parsed, and what `facegen run` starts
//! there runs until it prints its link. Blocks with other marks need what a test does not have.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::process::{API_KEY, Site};
use crate::documents::{blocks, pages};
use crate::program::executable;

/// The address of servers in the documents.
const ADDRESS: &str = "127.0.0.1:8080";

/// Runs `facegen run`, at a free port, until it prints its link.
const UNTIL_LINK: &str = r#"
until_link() {
  local line= printed
  coproc facegen run "$@" --port 0
  local id=$COPROC_PID
  exec {printed}<&"${COPROC[0]}"
  while read -r line <&"$printed" && [[ $line != "open http"* ]]; do :; done
  [[ $line == "open http"* ]]
  kill "$id"
  wait "$id"
}
"#;

/// Creates a directory with the same files as a reader's.
fn readers_directory() -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["config", "models", "tests"] {
        symlink(root.join(name), directory.path().join(name))?;
    }
    Ok(directory)
}

/// Runs commands in a shell that stops at the first failure, and returns what they print.
fn run(commands: &str, directory: &Path, variables: &[(&str, &str)]) -> Result<String> {
    let program = executable()?;
    let own = program.parent().context("the program lies nowhere")?;
    let mut shell = Command::new("bash");
    let script = format!("PATH='{}':$PATH\n{commands}", own.display());
    shell.args(["-e", "-u", "-o", "pipefail", "-c", &script]);
    shell.current_dir(directory).envs(variables.iter().copied());
    let output = shell.output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{commands}\n{printed}\n{errors}");
    Ok(printed)
}

#[test]
fn commands_that_are_marked_to_be_run_succeed() -> Result<()> {
    let site = Site::new()?.of_demo();
    let server = site.start()?;
    let data = site.directory().display().to_string();
    let variables = [
        ("FACEGEN_API_KEY", API_KEY),
        ("FACEGEN__STORAGE__DATA_DIR", data.as_str()),
        ("RUST_LOG", "warn"),
    ];
    let mut ran = 0;
    for page in pages()? {
        let directory = readers_directory()?;
        for commands in blocks(&page, "sh run")? {
            let commands = commands.replace(ADDRESS, server.client.host());
            let printed = run(&commands, directory.path(), &variables)?;
            let is_refused = printed.contains("\"status\":\"error\"");
            assert!(!is_refused, "{}: {commands}\n{printed}", page.display());
            ran += 1;
        }
    }
    assert!(ran > 0, "no page has a command that can be run");
    Ok(())
}

#[test]
fn servers_are_started_with_settings_that_exist() -> Result<()> {
    let mut read = 0;
    for page in pages()? {
        let directory = readers_directory()?;
        for commands in blocks(&page, "sh serve")? {
            let starts = |command: &str| commands.contains(command);
            ensure!(
                starts("facegen serve") || starts("facegen run "),
                "{commands}"
            );
            let commands = commands.replace("facegen serve", "facegen config print");
            let commands = commands.replace("facegen run ", "until_link ");
            let commands = commands.trim_end().trim_end_matches('&');
            let commands = format!("{UNTIL_LINK}{commands}");
            run(&commands, directory.path(), &[("RUST_LOG", "warn")])?;
            read += 1;
        }
    }
    assert!(read > 0, "no page starts a server");
    Ok(())
}
