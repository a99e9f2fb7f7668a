//! Times a denoising step and the decoding of an image at any size, on the CPU
//! or on a GPU, and writes what both compute:
//!
//! ```text
//! cargo bench --bench step -- --unet DIR --vae DIR --adapter FILE \
//!     --device cuda:0 --dtype f16 --size 512x512 --images 1,2,4,8
//! ```
//!
//! `--unet` and `--vae` are directories in the layout of diffusers, `--adapter`
//! an IP-Adapter-FaceID-PlusV2. A step is one call of the UNet with guidance:
//! an unconditional and a conditional row for each image, 77 text tokens and,
//! with an adapter, 4 image tokens. The device is synchronised after each.
//! Every measurement is one line of JSON.
//!
//! A profiler of NVIDIA records the measured steps alone. With `--weights
//! zeros` the directories need only their `config.json`, and an adapter is
//! added: for `cargo xtask verify driver`, where nothing is computed.
//!
//! `--input FILE --dump FILE` computes instead of measuring: it writes
//! `noise_pred` and `decoded` for the input's `latents` `(1, 4, height, width)`,
//! `timestep`, `text` and `image_tokens` (two rows of tokens, the unconditional
//! one first), so that they can be compared with those of another
//! implementation. Both files are safetensors.

mod arguments;
mod inputs;
mod memory;
mod model;
#[path = "../packing/mod.rs"]
mod packing;
mod profiler;
mod timing;
mod unet;
mod vae;
#[path = "../../crates/facegen-diffusion/tests/ledger/zeros.rs"]
mod zeros;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::Tensor;
use facegen_engine::Reusing;
use mimalloc::MiMalloc;
use serde_json::{Value, json};

use arguments::{Arguments, Part, USAGE};
use inputs::Inputs;
use model::Model;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: Reusing<MiMalloc> = Reusing::new(MiMalloc);

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let words = std::env::args().skip(1).filter(|word| word != "--bench");
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        return Ok(writeln!(io::stdout(), "{USAGE}")?);
    }
    let arguments = Arguments::parse(&words)?;
    match &arguments.dump {
        Some((input, output)) => dump(&arguments, input, output),
        None => measure(&arguments),
    }
}

/// Prints a line for each measurement.
fn measure(arguments: &Arguments) -> Result<()> {
    for part in &arguments.parts {
        match part {
            Part::Unet => {
                let model = Model::unet(arguments)?;
                for &images in &arguments.images {
                    print(arguments, &unet::measure(&model, arguments, images)?)?;
                }
            }
            Part::Vae => {
                let model = Model::vae(arguments)?;
                print(arguments, &vae::measure(&model, arguments)?)?;
            }
        }
    }
    Ok(())
}

/// Writes what the models compute for an input.
fn dump(arguments: &Arguments, input: &Path, output: &Path) -> Result<()> {
    let inputs = Inputs::read(input)?;
    let mut tensors: BTreeMap<&str, Tensor> = BTreeMap::new();
    for part in &arguments.parts {
        match part {
            Part::Unet => {
                let model = Model::unet(arguments)?;
                tensors.insert("noise_pred", unet::predict(&model, &inputs)?);
            }
            Part::Vae => {
                let model = Model::vae(arguments)?;
                tensors.insert("decoded", vae::decode(&model, &inputs)?);
            }
        }
    }
    safetensors::serialize_to_file(tensors, None, output)
        .with_context(|| format!("cannot write {}", output.display()))
}

/// Prints a measurement with what it was made of.
fn print(arguments: &Arguments, measurement: &Value) -> Result<()> {
    let mut line = json!({
        "by": "facegen",
        "device": arguments.device.name(),
        "dtype": arguments.dtype.as_str(),
        "kernels": if arguments.candle { "candle" } else { "own" },
        "width": arguments.width,
        "height": arguments.height,
    });
    if let (Some(line), Some(measurement)) = (line.as_object_mut(), measurement.as_object()) {
        line.extend(measurement.clone());
    }
    let mut output = io::stdout();
    writeln!(output, "{line}")?;
    // A later measurement may end the process.
    Ok(output.flush()?)
}
