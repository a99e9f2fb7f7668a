//! Images that nobody should get unasked: how they are found, and what is
//! shown in their place.
//!
//! | chapter | holds |
//! |---|---|
//! | [`SafetyChecker`] | Stable Diffusion's safety checker, score for score |
//! | `verdict` | what it says about one image |
//! | [`redact`] | the four images that take the place of an unsafe one |

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
