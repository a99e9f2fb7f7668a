//! The steps of `cargo xtask test`, each one command that a developer could type.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use super::deploy;
use super::tally::Tally;
use crate::workspace::Workspace;
use crate::{lint, process, report, tools};

/// The timeout of fetching the database of advisories.
const FETCH_LIMIT: Duration = Duration::from_mins(2);

/// One step, in the order in which they run: those that compile nothing come
/// first. The checker of licences is compiled, once for each version.
///
/// No step sets `RUSTFLAGS`, so that all share the build of a plain `cargo build`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Step {
    /// Checks the formatting.
    Fmt,
    /// Checks the rules of the code base.
    Lint,
    /// Checks the spelling.
    Typos,
    /// Checks the Dockerfiles and the compose files.
    Docker,
    /// Checks the files for Kubernetes, and those for systemd if it is here.
    Deploy,
    /// Fetches the real small models that tests read.
    Assets,
    /// Installs the S3 server that tests start.
    Seaweed,
    /// Installs the Python clients and services that tests use.
    Python,
    /// Checks licences, sources and banned crates.
    Deny,
    /// Checks dependencies for known vulnerabilities, if the database can be fetched.
    Advisories,
    /// Runs clippy and denies warnings.
    Clippy,
    /// Builds the documentation and denies warnings.
    Doc,
    /// Builds the programs that tests start.
    Build,
    /// Runs all tests.
    Tests,
}

impl Step {
    /// Returns the name on the command line and in headings.
    pub(super) fn title(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns whether tests cannot run without it.
    pub(super) fn serves_tests(self) -> bool {
        matches!(
            self,
            Self::Assets | Self::Seaweed | Self::Python | Self::Build | Self::Tests
        )
    }

    /// Runs the step; only [`Step::Tests`] uses the filter and counts.
    pub(super) fn run(
        self,
        workspace: &Workspace,
        filter: Option<&str>,
        tally: &mut Tally,
    ) -> Result<()> {
        match self {
            // Prints file names only: `cargo fmt --all` shows the rest by fixing it.
            Self::Fmt => cargo(workspace, "fmt --all -- --check -l"),
            Self::Lint => lint::run(workspace),
            Self::Typos => typos(workspace),
            Self::Deny => deny(workspace),
            Self::Advisories => advisories(workspace),
            Self::Docker => docker(workspace),
            Self::Deploy => deploy::check(workspace),
            Self::Clippy => cargo(
                workspace,
                "clippy --workspace --all-targets -- --deny=warnings",
            ),
            Self::Doc => doc(workspace),
            Self::Assets => assets(workspace),
            Self::Seaweed => tools::seaweed(workspace).map(drop),
            Self::Python => tools::python(workspace).map(drop),
            Self::Build => cargo(workspace, "build --workspace --bins"),
            Self::Tests => tests(workspace, filter, tally),
        }
    }
}

fn cargo(workspace: &Workspace, words: &str) -> Result<()> {
    let mut command = process::cargo();
    process::run(command.args(words.split(' ')).current_dir(&workspace.root))
}

fn doc(workspace: &Workspace) -> Result<()> {
    let mut command = process::cargo();
    command.args(["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "--deny=warnings");
    process::run(command.current_dir(&workspace.root))
}

fn typos(workspace: &Workspace) -> Result<()> {
    let program = tools::typos(workspace)?;
    process::run(Command::new(program).current_dir(&workspace.root))
}

fn deny(workspace: &Workspace) -> Result<()> {
    let program = tools::cargo_deny(workspace)?;
    let mut command = Command::new(program);
    // Without it only the root package counts, whose dependencies are all for tests.
    // Advisories are a step of their own.
    command.args(["--workspace", "check", "bans", "licenses", "sources"]);
    process::run(command.current_dir(&workspace.root))
}

/// Checks the advisories. They are a git repository on GitHub, which not every machine can reach.
fn advisories(workspace: &Workspace) -> Result<()> {
    let program = tools::cargo_deny(workspace)?;
    let mut fetch = Command::new(&program);
    fetch.args(["fetch", "db"]).current_dir(&workspace.root);
    if !process::succeeds_within(FETCH_LIMIT, &mut fetch)? {
        report::line("advisories: SKIPPED, their database cannot be fetched from here");
        return Ok(());
    }
    let mut command = Command::new(program);
    command.args(["--workspace", "--offline", "check", "advisories"]);
    process::run(command.current_dir(&workspace.root))
}

fn docker(workspace: &Workspace) -> Result<()> {
    let program = tools::hadolint(workspace)?;
    let mut command = Command::new(program);
    command.args(["docker/Dockerfile", "docker/Dockerfile.cuda"]);
    process::run(command.current_dir(&workspace.root))?;
    for kind in ["", ".scale"] {
        let mut command = tools::compose_lint(workspace)?;
        command.args(["check", "--quiet", "--skip-suppressed", "--fail-on=low"]);
        command.arg("--strict-config");
        command.arg(format!("--config=docker/compose-lint{kind}.yaml"));
        // Local settings next to the file are not to be checked.
        command.args(["--no-env", "--no-merge-overrides"]);
        command.arg(format!("docker/compose{kind}.yaml"));
        process::run(command.current_dir(&workspace.root))?;
    }
    Ok(())
}

fn assets(workspace: &Workspace) -> Result<()> {
    let mut command = Command::new("python3");
    command
        .arg("tests/assets/fetch.py")
        .arg(workspace.target.join("test-assets"));
    process::run(command.current_dir(&workspace.root))
}

fn tests(workspace: &Workspace, filter: Option<&str>, tally: &mut Tally) -> Result<()> {
    let mut command = process::cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(filter);
    command.current_dir(&workspace.root);
    let status = process::run_reading(&mut command, |line| tally.read(line))?;
    process::success("cargo test", status)?;
    ensure!(tally.ran_any(), "no test ran");
    Ok(())
}
