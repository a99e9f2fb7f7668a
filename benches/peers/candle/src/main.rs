//! Times a step or a decoding of candle-transformers' Stable Diffusion 1.5 in f32:
//! `stable-diffusion unet|vae DIRECTORY WIDTHxHEIGHT REPEATS`. Prints a line of JSON
//! as the program `step` does.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use candle_transformers::models::stable_diffusion::StableDiffusionConfig;

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
const TIMESTEP: f64 = 500.0;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [what, directory, size, repeats] = words.as_slice() else {
        bail!("usage: stable-diffusion unet|vae DIRECTORY WIDTHxHEIGHT REPEATS");
    };
    let (width, height) = size.split_once('x').context("a size is WIDTHxHEIGHT")?;
    let (width, height): (usize, usize) = (width.parse()?, height.parse()?);
    let (device, dtype, started) = (Device::Cpu, DType::F32, Instant::now());
    let config = StableDiffusionConfig::v1_5(None, Some(height), Some(width));
    let file = Path::new(directory).join(what).join(WEIGHTS);
    let normal = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &device);
    let (rows, columns) = (height / 8, width / 8);
    match what.as_str() {
        "unet" => {
            let unet = config.build_unet(file, &device, 4, false, dtype)?;
            let (latents, text) = (normal(&[2, 4, rows, columns])?, normal(&[2, 77, 768])?);
            time(started, repeats, || Ok(unet.forward(&latents, TIMESTEP, &text)?))
        }
        "vae" => {
            let vae = config.build_vae(file, &device, dtype)?;
            let latents = normal(&[1, 4, rows, columns])?;
            time(started, repeats, || Ok(vae.decode(&latents)?))
        }
        _ => bail!("{what} is neither unet nor vae"),
    }
}

/// Calls `work` once to warm up and then as often as asked for.
fn time(started: Instant, repeats: &str, work: impl Fn() -> Result<Tensor>) -> Result<()> {
    let load_seconds = started.elapsed().as_secs_f64();
    let timed = || -> Result<f64> {
        let started = Instant::now();
        work()?;
        Ok(1e3 * started.elapsed().as_secs_f64())
    };
    let first = timed()?;
    let times = (0..repeats.parse()?).map(|_| timed());
    let mut times = times.collect::<Result<Vec<f64>>>()?;
    times.sort_by(f64::total_cmp);
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let line = serde_json::json!({
        "median_ms": times.get(times.len() / 2),
        "least_ms": times.first(),
        "most_ms": times.last(),
        "first_ms": first,
        "load_seconds": load_seconds,
        "peak_bytes": peak.map(|kilobytes| 1024 * kilobytes),
    });
    println!("{line}");
    Ok(())
}
