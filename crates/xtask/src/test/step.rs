//! The steps of `cargo xtask test`, each one command that a developer could type.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use super::tally::Tally;
use crate::workspace::Workspace;
use crate::{lint, process, report, tools};

/// How long fetching the database of advisories may take.
const FETCH_LIMIT: Duration = Duration::from_mins(2);

/// One step, in the order in which they run: what is quick to fail comes first.
///
/// None of them sets `RUSTFLAGS`, so that they share what plain `cargo build` has built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Step {
    /// The formatting that rustfmt would give.
    Fmt,
    /// The rules of the code base.
    Lint,
    /// Spelling.
    Typos,
    /// Licences, sources and banned crates.
    Deny,
    /// Known faults of dependencies, where the list of them can be fetched.
    Advisories,
    /// The Dockerfiles and the compose file.
    Docker,
    /// Clippy, its warnings denied.
    Clippy,
    /// The documentation, its warnings denied.
    Doc,
    /// The real small models that tests read.
    Assets,
    /// The server of buckets that tests start.
    Seaweed,
    /// The clients and services in Python that tests run beside the server.
    Python,
    /// The programs that tests start.
    Build,
    /// All tests.
    Tests,
}

impl Step {
    /// The name on the command line and in the headings.
    pub(super) fn title(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether tests cannot run without it.
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
            // The names of the files only: `cargo fmt --all` shows the rest by mending it.
            Self::Fmt => cargo(workspace, "fmt --all -- --check -l"),
            Self::Lint => lint::run(workspace),
            Self::Typos => typos(workspace),
            Self::Deny => deny(workspace),
            Self::Advisories => advisories(workspace),
            Self::Docker => docker(workspace),
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
    // Advisories are a step of their own.
    command.args(["check", "bans", "licenses", "sources"]);
    process::run(command.current_dir(&workspace.root))
}

/// The advisories are a git repository at GitHub, which not every machine reaches.
fn advisories(workspace: &Workspace) -> Result<()> {
    let program = tools::cargo_deny(workspace)?;
    let mut fetch = Command::new(&program);
    fetch.args(["fetch", "db"]).current_dir(&workspace.root);
    if !process::succeeds_within(FETCH_LIMIT, &mut fetch)? {
        report::line("advisories: SKIPPED, their database cannot be fetched from here");
        return Ok(());
    }
    let mut command = Command::new(program);
    command.args(["check", "--disable-fetch", "advisories"]);
    process::run(command.current_dir(&workspace.root))
}

fn docker(workspace: &Workspace) -> Result<()> {
    let program = tools::hadolint(workspace)?;
    let mut command = Command::new(program);
    command.args(["docker/Dockerfile", "docker/Dockerfile.cuda"]);
    process::run(command.current_dir(&workspace.root))?;
    let mut command = tools::compose_lint(workspace)?;
    command.args(["check", "--quiet", "--skip-suppressed", "--fail-on=low"]);
    command.args(["--strict-config", "--config=docker/compose-lint.yaml"]);
    // The settings of this machine next to the file are not what is checked.
    command.args(["--no-env", "--no-merge-overrides", "docker/compose.yaml"]);
    process::run(command.current_dir(&workspace.root))
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
