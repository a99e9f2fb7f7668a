//! `facegen generate`: requests on the command line, one for each photo and prompt.

mod faces;
mod output;
mod progress;
mod report;

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use facegen_core::{
    BackendError, FieldError, GeneratedImage, GenerationEvent, GenerationInput, GenerationOutput,
    GenerationRequest, Photo, Preset, Provenance, RawGenerationRequest, RequestError,
};
use facegen_executor::EngineHandle;
use output::OutputFiles;
use progress::Progress;
use report::Report;

use crate::cli::GenerateArguments;
use crate::engine;
use crate::failure::Failure;
use crate::provenance::provenance;

/// Generates the images and writes them. Validates all arguments, and reads all
/// photos once, before the models are loaded.
pub(crate) fn run(arguments: GenerateArguments) -> Result<(), Failure> {
    let preset = engine::find(&arguments.engine.models_dir, &arguments.engine.preset)?;
    let requests = parse_all(arguments.request.requests(), &preset)?;
    let files = OutputFiles::new(arguments.out)?;
    let photos = faces::find(&arguments.face)?;
    if !arguments.force {
        let samples: usize = requests.iter().map(|request| request.spec.samples()).sum();
        files.refuse_existing(photos.len() * samples)?;
    }
    for photo in &photos {
        faces::read(photo)?;
    }
    let work = Work {
        preset: preset.name().to_owned(),
        engine: progress::while_loading(|| engine::start(preset, &arguments.engine))?,
        files,
        json: arguments.json,
        has_parameters: arguments.parameters,
    };
    work.make_all(&photos, &requests)
}

/// Parses the requests, which differ in their prompts. One seed is drawn for all
/// that have none, so that their images can be compared.
fn parse_all(
    raw: Vec<RawGenerationRequest>,
    preset: &Preset,
) -> Result<Vec<GenerationRequest>, RequestError> {
    let seed = random_seed();
    raw.into_iter()
        .map(|raw| parse(raw, preset, seed))
        .collect()
}

/// Parses a request, and checks that the preset has its style: the parser only
/// knows all names.
fn parse(
    raw: RawGenerationRequest,
    preset: &Preset,
    random_seed: u32,
) -> Result<GenerationRequest, RequestError> {
    let styles = preset.styles();
    let offered: Vec<_> = styles.iter().map(|style| (style.as_str(), ())).collect();
    let style = raw.style.choice("style", &offered).map_err(|_| {
        let names: Vec<_> = offered.iter().map(|(name, ())| *name).collect();
        let rule = format!(
            "of preset {} must be one of {}",
            preset.name(),
            names.join(", ")
        );
        FieldError::new("style", rule)
    });
    match (style, raw.parse(preset.limits())) {
        (Ok(_), parsed) => Ok(parsed?.resolve_seed(|| random_seed)),
        (Err(error), Ok(_)) => Err(RequestError {
            errors: vec![error],
        }),
        (Err(error), Err(mut found)) => {
            found.errors.retain(|other| other.field != error.field);
            found.errors.push(error);
            Err(found)
        }
    }
}

/// Returns a random seed: the standard library keys its hash maps with the
/// system's random numbers.
fn random_seed() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().hash_one(0_u8).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The images of one command.
struct Work {
    preset: String,
    engine: EngineHandle,
    files: OutputFiles,
    json: bool,
    /// Whether files hold the parameters of their images.
    has_parameters: bool,
}

impl Work {
    /// Makes the images of every photo with every prompt, in this order. A photo
    /// that shows no face ends nothing but its own images.
    fn make_all(&self, photos: &[PathBuf], requests: &[GenerationRequest]) -> Result<(), Failure> {
        let (count, mut first) = (photos.len() * requests.len(), 0);
        let mut failed = Vec::new();
        for path in photos {
            for request in requests {
                if let Err(failure) = self.make(path, request, first) {
                    let reason = failure.reason_in_photo().filter(|_| count > 1);
                    let Some(reason) = reason else {
                        return Err(failure);
                    };
                    say_of(path, &reason);
                    failed.push(failure);
                }
                first += request.spec.samples();
            }
        }
        let images = failed.len();
        failed.into_iter().next().map_or(Ok(()), |first| {
            Err(Failure::Some {
                failed: images,
                of: count,
                first: Box::new(first),
            })
        })
    }

    /// Makes the images of one photo with one prompt, the first of which is
    /// written to this file.
    fn make(&self, face: &Path, request: &GenerationRequest, first: usize) -> Result<(), Failure> {
        let Photo { image, warnings } = faces::read(face)?;
        let started = Instant::now();
        let input = GenerationInput {
            spec: request.spec.clone(),
            face: image,
        };
        let mut output = generate(&self.engine, input)?;
        output.warnings.splice(..0, warnings);
        let encoded = self.encode(&output.images, request)?;
        let elapsed = started.elapsed();
        for (index, image) in encoded.iter().enumerate() {
            self.files.write(first + index, image)?;
        }
        let report = Report {
            face,
            request,
            output: &output,
            files: &self.files,
            first,
            elapsed,
        };
        Ok(report.print(self.json)?)
    }

    fn encode(
        &self,
        images: &[GeneratedImage],
        request: &GenerationRequest,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let encode = |image: &GeneratedImage| {
            let parameters = || request.spec.parameters(&self.preset, image.seed);
            let provenance = Provenance {
                parameters: self.has_parameters.then(|| parameters().into()),
                ..provenance()
            };
            let encoded = self.files.format().encode(&image.pixels, &provenance);
            encoded.context("cannot encode the image")
        };
        Ok(images.iter().map(encode).collect::<Result<_, _>>()?)
    }
}

/// Says which of several photos has no image, and why.
fn say_of(path: &Path, reason: &str) {
    // The other images are made, even if this cannot be said.
    let _ = writeln!(io::stderr(), "error: {}: {reason}", path.display());
}

fn generate(engine: &EngineHandle, input: GenerationInput) -> Result<GenerationOutput, Failure> {
    let mut generation = engine.submit(input);
    let mut progress = Progress::new();
    while let Some(event) = generation.blocking_next() {
        match event {
            GenerationEvent::Progress { step, steps, .. } => progress.show(step, steps),
            GenerationEvent::Finished(output) => return Ok(output),
            GenerationEvent::Failed(error) => return Err(error.into()),
        }
    }
    Err(BackendError::EngineStopped.into())
}
