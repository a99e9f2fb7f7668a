//! The states of a job.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use thiserror::Error;

/// The state of a job. States move forward:
///
/// ```text
/// queued ──► running ──► succeeded
///    │          ├──────► failed
///    └──────────┴──────► cancelled
/// ```
///
/// One more transition leads back, from `running` to `queued`: a worker
/// releases the job or has died. Only the queue makes it; [`JobState::advance`]
/// does not.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum JobState {
    /// Accepted and waiting.
    Queued,
    /// Claimed by a worker.
    Running,
    /// Its images are stored and can be read.
    Succeeded,
    /// It will never have images.
    Failed,
    /// It was cancelled by its owner or an operator.
    Cancelled,
}

impl JobState {
    /// All states, in the order of a job's life.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the state as written in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether the job can never change again.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Returns the state after the transition to `next`.
    ///
    /// # Errors
    /// Fails when no arrow leads from this state to `next`.
    pub fn advance(self, next: Self) -> Result<Self, IllegalTransition> {
        match (self, next) {
            (Self::Queued, Self::Running | Self::Cancelled)
            | (Self::Running, Self::Succeeded | Self::Failed | Self::Cancelled) => Ok(next),
            _ => Err(IllegalTransition { from: self, next }),
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A transition that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a {from} job cannot become {next}")]
pub struct IllegalTransition {
    /// The state of the job.
    pub from: JobState,
    /// The requested state.
    pub next: JobState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_of_the_twenty_five_moves_are_legal() {
        let mut legal = Vec::new();
        for &from in JobState::ALL {
            for &next in JobState::ALL {
                if from.advance(next).is_ok() {
                    legal.push(format!("{from} {next}"));
                }
            }
        }
        assert_eq!(
            legal,
            [
                "queued running",
                "queued cancelled",
                "running succeeded",
                "running failed",
                "running cancelled"
            ]
        );
    }

    #[test]
    fn final_states_are_those_without_a_way_on() {
        for &from in JobState::ALL {
            let stuck = JobState::ALL
                .iter()
                .all(|next| from.advance(*next).is_err());
            assert_eq!(from.is_final(), stuck, "{from}");
        }
    }
}
