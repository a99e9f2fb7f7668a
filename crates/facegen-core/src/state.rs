//! The life of a job.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use thiserror::Error;

/// Where a job stands. States move forward:
///
/// ```text
/// queued ──► running ──► succeeded
///    │          ├──────► failed
///    └──────────┴──────► cancelled
/// ```
///
/// One more arrow leads back, from `running` to `queued`: a worker gives the
/// job back, or has died over it. It is the queue's alone, and no move of
/// [`JobState::advance`].
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
    /// Its images are stored and readable.
    Succeeded,
    /// It will never have images.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl JobState {
    /// Every state, in the order of a life.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The state as it is written in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the job can never change again.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The state after moving to `next`.
    ///
    /// # Errors
    /// No arrow leads from this state to `next`.
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

/// A move that no job makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a {from} job cannot become {next}")]
pub struct IllegalTransition {
    /// Where the job stands.
    pub from: JobState,
    /// Where it was to go.
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
