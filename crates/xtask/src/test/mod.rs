//! `cargo xtask test`: all checks and tests, in an order that fails early.

mod step;
mod tally;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::step::Step;
use self::tally::Tally;
use crate::report;
use crate::workspace::Workspace;

/// The arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run the tests whose name contains this, and no other checks.
    filter: Option<String>,
    /// Run only these steps.
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    only: Vec<Step>,
}

impl Arguments {
    fn steps(&self) -> Vec<Step> {
        let is_chosen = |step: &Step| match (self.only.as_slice(), &self.filter) {
            ([], None) => true,
            ([], Some(_)) => step.serves_tests(),
            (only, _) => only.contains(step),
        };
        Step::value_variants()
            .iter()
            .copied()
            .filter(is_chosen)
            .collect()
    }
}

/// Runs the chosen steps until one fails, and shows how long each took.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut tally = Tally::default();
    let mut durations = Vec::new();
    let mut outcome = Ok(());
    for step in arguments.steps() {
        report::heading(step.title());
        let started = Instant::now();
        outcome = step
            .run(workspace, arguments.filter.as_deref(), &mut tally)
            .with_context(|| step.title());
        durations.push((step, started.elapsed()));
        if outcome.is_err() {
            break;
        }
    }
    show(&durations);
    if tally != Tally::default() {
        report::line(format_args!("tests: {tally}"));
    }
    outcome
}

fn show(durations: &[(Step, Duration)]) {
    report::heading("seconds");
    for (step, duration) in durations {
        report::line(row(&step.title(), *duration));
    }
    let total = durations.iter().map(|(_, duration)| duration).sum();
    report::line(row("total", total));
}

fn row(title: &str, duration: Duration) -> String {
    format!("{title:<20}{:>8.1}", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(filter: Option<&str>, only: &[Step]) -> Vec<Step> {
        let filter = filter.map(str::to_owned);
        Arguments {
            filter,
            only: only.to_vec(),
        }
        .steps()
    }

    #[test]
    fn without_a_choice_everything_runs() {
        assert_eq!(steps(None, &[]), Step::value_variants());
    }

    #[test]
    fn a_filter_skips_the_checks() {
        let expected = [
            Step::Assets,
            Step::Seaweed,
            Step::Python,
            Step::Build,
            Step::Tests,
        ];
        assert_eq!(steps(Some("noise"), &[]), expected);
    }

    #[test]
    fn chosen_steps_keep_their_order() {
        assert_eq!(
            steps(None, &[Step::Clippy, Step::Fmt]),
            [Step::Fmt, Step::Clippy]
        );
        assert_eq!(steps(Some("noise"), &[Step::Tests]), [Step::Tests]);
    }

    #[test]
    fn rows_are_aligned() {
        assert_eq!(
            row("clippy", Duration::from_millis(1234)),
            "clippy                   1.2"
        );
    }
}
