//! Makes whole images with a preset in one process, and says how long each
//! part took and how much memory there was meanwhile:
//!
//! ```text
//! cargo bench --bench image -- PRESET_DIR PRESET PACK_DIR PHOTO [SIZE] [STEPS] [IMAGES]
//! ```
//!
//! The first run writes the packs, later ones map them: that is a second start.
//! Memory is what is resident, anonymous or of files, sampled every 2 ms; seconds
//! to the first step count from the start of the process. Each image is one
//! line of JSON.

mod watch;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use facegen_core::{
    Backend, GenerationInput, GenerationOutput, Preset, RawGenerationRequest, SlotEvent,
};
use facegen_engine::{CandleBackend, DeviceChoice, LoadOptions, Packs, Reusing};
use facegen_image::{ImageLimits, read_image};
use facegen_testkit::memory::{minor_faults, resident_kilobytes};
use mimalloc::MiMalloc;
use serde_json::{Value, json};

use self::watch::Watch;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: Reusing<MiMalloc> = Reusing::new(MiMalloc);

const USAGE: &str = "usage: image PRESET_DIR PRESET PACK_DIR PHOTO [SIZE] [STEPS] [IMAGES]";
const PROMPT: &str = "portrait of a person in front of a beach";

fn main() -> Result<()> {
    let started = Instant::now();
    // Cargo adds `--bench`.
    let words = std::env::args().skip(1).filter(|word| word != "--bench");
    let words: Vec<String> = words.collect();
    let [directory, preset, packs, photo, rest @ ..] = words.as_slice() else {
        return Ok(writeln!(io::stdout(), "{USAGE}")?);
    };
    let option = |index: usize, default: &str| {
        let word = rest.get(index).map(String::as_str);
        word.unwrap_or(default).to_owned()
    };
    let (size, steps, images) = (option(0, "512x512"), option(1, "21"), option(2, "2"));
    let found = Preset::find(Path::new(directory), preset)?;
    let input = input(&found, Path::new(photo), &size, &steps)?;
    let watch = Watch::start(now);
    let mut backend = load(&found, packs)?;
    let load_seconds = started.elapsed().as_secs_f64();
    for number in 1..=images.parse::<usize>().context(USAGE)? {
        let begun = if number == 1 { started } else { Instant::now() };
        let mut line = image(&mut backend, &input, &watch, begun)?;
        line["preset"] = preset.as_str().into();
        line["size"] = size.as_str().into();
        line["image"] = number.into();
        line["load_seconds"] = load_seconds.into();
        let mut output = io::stdout();
        writeln!(output, "{line}")?;
        output.flush()?;
    }
    Ok(())
}

fn input(preset: &Preset, photo: &Path, size: &str, steps: &str) -> Result<GenerationInput> {
    let (width, height) = size.split_once('x').context(USAGE)?;
    let mut raw = RawGenerationRequest::default();
    let fields = [
        ("prompt", PROMPT),
        ("width", width),
        ("height", height),
        ("num_inference_steps", steps),
        ("seed", "1234"),
    ];
    for (name, value) in fields {
        *raw.field_mut(name).context("no such field")? = value.into();
    }
    let face = read_image(&fs::read(photo)?, &ImageLimits::default())?.image;
    let request = raw.parse(preset.limits())?;
    let spec = request.resolve_seed(|| 0).spec;
    Ok(GenerationInput { spec, face })
}

fn load(preset: &Preset, packs: &str) -> Result<CandleBackend> {
    let packs = PathBuf::from(packs);
    let options = LoadOptions {
        data_dir: packs.clone(),
        device: DeviceChoice::Cpu,
        packs: Packs::new(packs, |_, _| {}).releasing(true),
        ..LoadOptions::default()
    };
    Ok(CandleBackend::load(preset, &options)?)
}

/// Makes one image. `begun` is when the clock of its first step started.
fn image(
    backend: &mut CandleBackend,
    input: &GenerationInput,
    watch: &Watch,
    begun: Instant,
) -> Result<Value> {
    let (mut times, mut faults, mut first) = (Vec::new(), Vec::new(), None);
    watch.take();
    backend.admit(input)?;
    let prepared = watch.take();
    let (mut in_steps, mut after, mut is_denoising) = (0, 0, true);
    let output = loop {
        let (started, before) = (Instant::now(), minor_faults(std::process::id())?);
        let events = backend.tick();
        let most = watch.take();
        if is_denoising {
            times.push(started.elapsed().as_secs_f64());
            faults.push(minor_faults(std::process::id())? - before);
            first = first.or(Some(begun.elapsed().as_secs_f64()));
            in_steps = most.max(in_steps);
        } else {
            after = most.max(after);
        }
        match events.into_iter().next() {
            Some(SlotEvent::Progress { step, steps, .. }) => is_denoising = step < steps,
            Some(SlotEvent::Finished { output, .. }) => break output,
            Some(SlotEvent::Failed { error, .. }) => bail!(error),
            None => ensure!(!is_denoising, "nothing was done"),
        }
    };
    let mut line = stages(&output);
    line["first_step_after_seconds"] = first.into();
    line["step_seconds"] = median(&times).into();
    line["step_faults"] = median(&faults).into();
    line["faults_of_each_step"] = faults.into();
    line["prepare_bytes"] = prepared.into();
    line["step_bytes"] = in_steps.into();
    line["decode_bytes"] = after.into();
    Ok(line)
}

fn stages(output: &GenerationOutput) -> Value {
    let timings = &output.timings;
    json!({
        "by": "facegen",
        "face_analysis": timings.face_analysis.as_secs_f64(),
        "text_encoding": timings.text_encoding.as_secs_f64(),
        "conditioning": timings.conditioning.as_secs_f64(),
        "denoising": timings.denoising.as_secs_f64(),
        "decoding": timings.decoding.as_secs_f64(),
        "safety_checking": timings.safety_checking.as_secs_f64(),
        "total": timings.total().as_secs_f64(),
    })
}

/// Returns the middle one; the values stay in their order.
fn median<T: Copy + PartialOrd>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    sorted.get(sorted.len() / 2).copied()
}

fn now() -> u64 {
    1024 * resident_kilobytes(std::process::id()).unwrap_or(0)
}
