//! `facegen generate`: one request on the command line.

mod output;
mod progress;
mod report;

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow};
use facegen_core::redact::FaceImage;
use facegen_core::{
    BackendError, FieldError, GeneratedImage, GenerationEvent, GenerationInput, GenerationOutput,
    GenerationRequest, Photo, Preset, RawGenerationRequest, RequestError,
};
use facegen_executor::EngineHandle;
use facegen_image::{FileFormat, ImageLimits, read_image};
use output::OutputFiles;
use progress::Progress;
use report::Report;

use crate::cli::GenerateArguments;
use crate::engine;
use crate::failure::Failure;
use crate::provenance::provenance;

/// Generates the images and writes them. Validates all arguments before the
/// models are loaded.
pub(crate) fn run(arguments: GenerateArguments) -> Result<(), Failure> {
    let raw = RawGenerationRequest::from(arguments.request);
    let preset = engine::find(&arguments.engine.models_dir, &arguments.engine.preset)?;
    let request = parse(raw, &preset)?;
    let files = OutputFiles::new(arguments.out)?;
    if !arguments.force {
        files.refuse_existing(request.spec.samples())?;
    }
    let Photo {
        image: face,
        warnings,
    } = read_face(&arguments.face)?;
    let engine = engine::start(preset, &arguments.engine)?;

    let started = Instant::now();
    let spec = request.spec.clone();
    let input = GenerationInput { spec, face };
    let mut output = generate(&engine, input)?;
    output.warnings.splice(..0, warnings);
    let encoded = encode(&output.images, files.format())?;
    let elapsed = started.elapsed();

    for (index, image) in encoded.iter().enumerate() {
        files.write(index, image)?;
    }
    let report = Report {
        request: &request,
        output: &output,
        files: &files,
        elapsed,
    };
    Ok(report.print(arguments.json)?)
}

/// Parses a request, and checks that the preset has its style: the parser only
/// knows all names.
fn parse(raw: RawGenerationRequest, preset: &Preset) -> Result<GenerationRequest, RequestError> {
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
        (Ok(_), parsed) => Ok(parsed?.resolve_seed(random_seed)),
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

fn read_face(path: &Path) -> Result<Photo, Failure> {
    let text = path.to_string_lossy().to_ascii_lowercase();
    if ["http://", "https://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        return Err(Failure::Usage(anyhow!(
            "--face takes a file, not a link: fetch the photo first, with curl --location \
             --output face.jpg LINK, and pass --face face.jpg"
        )));
    }
    let bytes = fs::read(path)
        .with_context(|| format!("face_image {} cannot be read", path.display()))
        .map_err(Failure::FaceImage)?;
    let face = FaceImage::from(bytes);
    Ok(read_image(face.bytes(), &ImageLimits::default())?)
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

fn encode(images: &[GeneratedImage], format: FileFormat) -> Result<Vec<Vec<u8>>, Failure> {
    let provenance = provenance();
    let encode = |image: &GeneratedImage| {
        let encoded = format.encode(&image.pixels, &provenance);
        encoded.context("cannot encode the image")
    };
    Ok(images.iter().map(encode).collect::<Result<_, _>>()?)
}
