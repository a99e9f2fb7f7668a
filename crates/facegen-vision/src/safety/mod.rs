//! Checks images for unsafe content, and replaces those that have it.

mod card;
mod checker;
mod config;
mod draw;
mod redact;
#[cfg(test)]
mod tests;
mod verdict;

pub use checker::SafetyChecker;
pub use config::SafetyCheckerConfig;
pub use redact::redact;
