//! `cargo xtask test`: all checks and tests, in an order that fails early.

mod deploy;
mod machine;
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

    /// Returns the steps without the tests where only some of these run: each of
    /// those says what it lacks.
    fn steps_of_any_test(&self) -> Vec<Step> {
        let mut steps = self.steps();
        steps.retain(|step| self.filter.is_none() || *step != Step::Tests);
        steps
    }
}

/// Runs the chosen steps until one fails, and shows how long each took. A machine
/// that lacks something learns it before the first.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let steps = arguments.steps();
    machine::check(&arguments.steps_of_any_test())?;
    let mut tally = Tally::default();
    let mut durations = Vec::new();
    let mut outcome = Ok(());
    for step in steps {
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
    report::line(summary(outcome.is_ok(), &durations, &tally));
    outcome
}

fn show(durations: &[(Step, Duration)]) {
    report::heading("seconds");
    for (step, duration) in durations {
        report::line(row(&step.title(), *duration));
    }
    report::line("");
}

/// Returns what a person wants to know at the end, in a line.
fn summary(passed: bool, durations: &[(Step, Duration)], tally: &Tally) -> String {
    let total: Duration = durations.iter().map(|(_, duration)| *duration).sum();
    let (minutes, seconds) = (total.as_secs() / 60, total.as_secs() % 60);
    let last = durations.last().map(|(step, _)| step.title());
    let result = match (passed, last) {
        (false, Some(step)) => format!("FAILED in the step {step}"),
        _ => format!("everything passed in {} steps", durations.len()),
    };
    let tests = match *tally == Tally::default() {
        true => String::new(),
        false => format!(", tests: {tally}"),
    };
    format!("{result}{tests}, {minutes} min {seconds} s")
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
    fn a_filter_needs_no_more_than_its_test() {
        let arguments = |filter: Option<&str>| Arguments {
            filter: filter.map(str::to_owned),
            only: vec![Step::Build, Step::Tests],
        };
        let steps = arguments(Some("noise")).steps_of_any_test();
        assert_eq!(steps, [Step::Build]);
        let steps = arguments(None).steps_of_any_test();
        assert_eq!(steps, [Step::Build, Step::Tests]);
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
    fn the_last_line_says_what_happened() {
        let second = |seconds| Duration::from_secs(seconds);
        let steps = [(Step::Fmt, second(2)), (Step::Tests, second(63))];
        let mut tally = Tally::default();
        tally.read("test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured");
        let line = "FAILED in the step tests, tests: 3 passed, 1 failed, 2 skipped, 1 min 5 s";
        assert_eq!(summary(false, &steps, &tally), line);
        let line = "everything passed in 1 steps, 0 min 2 s";
        assert_eq!(summary(true, &steps[..1], &Tally::default()), line);
    }

    #[test]
    fn rows_are_aligned() {
        assert_eq!(
            row("clippy", Duration::from_millis(1234)),
            "clippy                   1.2"
        );
    }
}
