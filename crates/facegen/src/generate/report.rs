//! What is printed of a generation.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use facegen_core::{GenerationOutput, GenerationRequest, GenerationTimings};
use serde::Serialize;

use super::output::OutputFiles;
use crate::output as printing;

/// A finished generation whose images are written.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) face: &'a Path,
    pub(super) request: &'a GenerationRequest,
    pub(super) output: &'a GenerationOutput,
    pub(super) files: &'a OutputFiles,
    /// The number of the first file.
    pub(super) first: usize,
    pub(super) elapsed: Duration,
}

/// An image, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Image<'a> {
    path: &'a Path,
    face: &'a Path,
    prompt: &'a str,
    seed: u32,
    width: u32,
    height: u32,
    steps: usize,
    /// Those of the whole request.
    warnings: &'a [&'a str],
    timings: Timings,
}

/// The seconds of the whole request, by stage.
#[derive(Debug, Clone, Copy, Serialize)]
struct Timings {
    face_analysis: f64,
    text_encoding: f64,
    conditioning: f64,
    denoising: f64,
    decoding: f64,
    safety_checking: f64,
    /// From the loaded models to the encoded files.
    total: f64,
}

impl Timings {
    fn new(stages: GenerationTimings, elapsed: Duration) -> Self {
        Self {
            face_analysis: stages.face_analysis.as_secs_f64(),
            text_encoding: stages.text_encoding.as_secs_f64(),
            conditioning: stages.conditioning.as_secs_f64(),
            denoising: stages.denoising.as_secs_f64(),
            decoding: stages.decoding.as_secs_f64(),
            safety_checking: stages.safety_checking.as_secs_f64(),
            total: elapsed.as_secs_f64(),
        }
    }
}

impl Report<'_> {
    /// Prints results to standard output, for programs or for people, and
    /// warnings to standard error.
    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        let warnings = self.request.warnings().iter().chain(&self.output.warnings);
        let warnings: Vec<&str> = warnings.map(String::as_str).collect();
        for warning in &warnings {
            // The images are written, even if warnings cannot be.
            let _ = writeln!(io::stderr(), "warning: {warning}");
        }
        self.log_stages();
        let text = match json {
            true => self.lines_of_json(&warnings)?,
            false => self.lines()?,
        };
        printing::print(&text)
    }

    fn log_stages(&self) {
        let timings = self.output.timings;
        tracing::info!(
            face_analysis = ?timings.face_analysis,
            text_encoding = ?timings.text_encoding,
            conditioning = ?timings.conditioning,
            denoising = ?timings.denoising,
            decoding = ?timings.decoding,
            safety_checking = ?timings.safety_checking,
            "stages"
        );
    }

    fn lines_of_json(&self, warnings: &[&str]) -> anyhow::Result<String> {
        let spec = &self.request.spec;
        let mut lines = String::new();
        for (index, image) in self.output.images.iter().enumerate() {
            let image = Image {
                path: &self.files.path(self.first + index),
                face: self.face,
                prompt: spec.prompt(),
                seed: image.seed,
                width: spec.width(),
                height: spec.height(),
                steps: spec.steps(),
                warnings,
                timings: Timings::new(self.output.timings, self.elapsed),
            };
            writeln!(lines, "{}", serde_json::to_string(&image)?)?;
        }
        Ok(lines)
    }

    fn lines(&self) -> anyhow::Result<String> {
        let spec = &self.request.spec;
        let mut lines = String::new();
        for index in 0..self.output.images.len() {
            let path = self.files.path(self.first + index);
            writeln!(lines, "{}", path.display())?;
        }
        writeln!(
            lines,
            "seed {}, {}x{}, {} steps, generated in {:.2} s",
            spec.seed(),
            spec.width(),
            spec.height(),
            spec.steps(),
            self.elapsed.as_secs_f64()
        )?;
        Ok(lines)
    }
}
