//! The safety stage after decoding: no other part of the program gets an image
//! that has not passed it.

use facegen_core::request::Safety;
use facegen_core::{SafetyAction, SafetyVerdict};
use facegen_image::RgbImage;
use facegen_nn::Compute;
use facegen_vision::{SafetyChecker, redact};

use crate::{EngineError, SafetyPolicy};

/// An image that may leave the engine.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) image: RgbImage,
    /// The checker's verdict, if it was checked.
    pub(super) verdict: Option<SafetyVerdict>,
}

/// Checks every decoded image, and replaces unsafe ones.
#[derive(Debug)]
pub struct SafetyStage {
    checker: Option<SafetyChecker>,
    policy: SafetyPolicy,
    compute: Compute,
    releases: bool,
}

impl SafetyStage {
    /// Combines the preset's checker, if any, and the operator's policy.
    #[must_use]
    pub fn new(checker: Option<SafetyChecker>, policy: SafetyPolicy, compute: Compute) -> Self {
        Self {
            checker,
            policy,
            compute,
            releases: false,
        }
    }

    /// Sets whether the checker's memory goes back to the system after each
    /// image.
    #[must_use]
    pub fn releasing(self, releases: bool) -> Self {
        Self { releases, ..self }
    }

    /// Returns the action for unsafe images of a request; `None` when they are
    /// not checked. Adds to `warnings` what the caller should know about that.
    pub(super) fn action(
        &self,
        safety: Safety,
        warnings: &mut Vec<String>,
    ) -> Option<SafetyAction> {
        let policy = self.policy;
        if !safety.enabled && !policy.mandatory {
            return None;
        }
        if self.checker.is_none() && !policy.force_hit {
            let unchecked = "this preset has no safety checker; the images were not checked";
            warnings.push(unchecked.to_owned());
            return None;
        }
        if !safety.enabled {
            let checked = "safety_checker is mandatory on this server; the images were checked";
            warnings.push(checked.to_owned());
        }
        Some(safety.checker_type)
    }

    /// Checks an image, and replaces it if it is unsafe.
    ///
    /// # Errors
    /// Fails when the checker fails; the image is then dropped, never released.
    pub(super) fn check(
        &self,
        image: RgbImage,
        action: Option<SafetyAction>,
    ) -> Result<Checked, EngineError> {
        let Some(action) = action else {
            return Ok(Checked {
                image,
                verdict: None,
            });
        };
        let verdict = self.compute.run(|| self.verdict(&image))?;
        let image = if verdict.flagged {
            self.compute.run(|| redact(&image, action))
        } else {
            image
        };
        Ok(Checked {
            image,
            verdict: Some(verdict),
        })
    }

    fn verdict(&self, image: &RgbImage) -> Result<SafetyVerdict, EngineError> {
        let Some(checker) = &self.checker else {
            return Ok(SafetyVerdict {
                flagged: self.policy.force_hit,
                concepts: Vec::new(),
                special_care: Vec::new(),
            });
        };
        let verdicts = checker.check(std::slice::from_ref(image));
        if self.releases {
            checker.release();
        }
        let verdict = verdicts?.pop();
        let verdict =
            verdict.ok_or_else(|| EngineError::Defect("the checker said nothing".into()))?;
        Ok(SafetyVerdict {
            flagged: verdict.flagged || self.policy.force_hit,
            ..verdict
        })
    }
}
