//! The parameters of an image as text, for its file.

use std::fmt::Write as _;

use super::{GenerationSpec, Style};

impl GenerationSpec {
    /// Returns the parameters of the image with this seed, in the form that
    /// AUTOMATIC1111's web UI made common and other programs read: the prompt, the
    /// negative prompt, and a line of names with their values.
    #[must_use]
    pub fn parameters(&self, preset: &str, seed: u32) -> String {
        let mut text = on_one_line(self.prompt());
        if !self.negative_prompt().is_empty() {
            text += "\nNegative prompt: ";
            text += &on_one_line(self.negative_prompt());
        }
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "\nSteps: {}, CFG scale: {}, Seed: {seed}, Size: {}x{}, Model: {preset}, s_scale: {}",
            self.steps(),
            self.guidance_scale(),
            self.width(),
            self.height(),
            self.s_scale()
        );
        if self.style() != Style::Realistic {
            let _ = write!(text, ", Style: {}", self.style().as_str());
        }
        text
    }
}

/// Replaces characters that end lines, and those that XML cannot hold.
fn on_one_line(text: &str) -> String {
    let is_unfit = |letter: char| letter.is_control() || matches!(letter, '\u{FFFE}' | '\u{FFFF}');
    text.replace(is_unfit, " ")
}

#[cfg(test)]
mod tests {
    use crate::{GenerationSpec, RawGenerationRequest, RequestLimits};

    fn spec(raw: RawGenerationRequest) -> GenerationSpec {
        let parsed = raw.parse(&RequestLimits::default()).unwrap();
        parsed.resolve_seed(|| 7).spec
    }

    #[test]
    fn every_parameter_has_the_value_that_was_used() {
        let full = spec(RawGenerationRequest {
            prompt: "a knight,\nin \u{1b}armour".into(),
            negative_prompt: "low\r\nquality".into(),
            width: 100_i64.into(),
            height: 768_i64.into(),
            num_inference_steps: 30_i64.into(),
            guidance_scale: 6.5.into(),
            s_scale: 0.5.into(),
            style: "anime".into(),
            ..RawGenerationRequest::default()
        });
        assert_eq!(
            full.parameters("demo", 1235),
            "a knight, in  armour\nNegative prompt: low  quality\nSteps: 31, CFG scale: 6.5, \
             Seed: 1235, Size: 96x768, Model: demo, s_scale: 0.5, Style: anime"
        );
        let short = spec(RawGenerationRequest {
            prompt: "a prompt".into(),
            ..RawGenerationRequest::default()
        });
        assert_eq!(
            short.parameters("demo", 7),
            "a prompt\nSteps: 21, CFG scale: 7.5, Seed: 7, Size: 512x512, Model: demo, s_scale: 1"
        );
    }
}
