//! Our CPU kernels against candle's operations, on the shapes of Stable
//! Diffusion 1.5: `cargo bench --bench kernels`.
//!
//! Both sides run in one process, alternating in each round; printed are
//! medians and their ratio.

mod noise;

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use candle_core::{DType, Device};
use facegen_nn::layers::{Attention, Conv2d, Conv2dConfig, GroupNorm, Linear};
use facegen_nn::{Compute, FeatureMap, Layout, Weights};
use noise::{Noise, noise};

/// Rounds of each comparison.
const ROUNDS: usize = 7;

fn main() -> Result<()> {
    let ours = Compute::new(Device::Cpu, DType::F32);
    let candle = ours.clone().with_layout(Layout::Nchw)?;
    let sides = [ours, candle];
    let weights = Weights::new(Arc::new(Noise));
    convolutions(&sides, &weights)?;
    attentions(&sides)?;
    linear(&sides, &weights)?;
    group_norm(&sides, &weights)
}

fn convolutions(sides: &[Compute; 2], weights: &Weights) -> Result<()> {
    for (channels, side) in [(320, 64), (640, 32), (1280, 16)] {
        let [ours, candle] = sides.each_ref().map(|compute| {
            let config = Conv2dConfig::new(channels, channels, 3).padding(1);
            let input = FeatureMap::from_nchw(&noise(&[1, channels, side, side])?, compute)?;
            anyhow::Ok((Conv2d::load(weights, &config, compute)?, input))
        });
        let (ours, candle) = (ours?, candle?);
        compare(
            &format!("conv 3x3, {channels} channels, {side}x{side}"),
            (2 * 9 * channels * channels * side * side) as f64 / 1e9,
            || Ok(ours.0.forward(&ours.1)?),
            || Ok(candle.0.forward(&candle.1)?),
        )?;
    }
    Ok(())
}

fn attentions(sides: &[Compute; 2]) -> Result<()> {
    for (tokens, heads, width) in [(4096, 8, 320), (1024, 8, 640), (4096, 1, 512)] {
        let input = noise(&[1, tokens, width])?;
        let [ours, candle] = sides
            .each_ref()
            .map(|compute| Attention::new(heads, compute));
        compare(
            &format!(
                "attention, {tokens} tokens, {heads} heads of {}",
                width / heads
            ),
            (4 * tokens * tokens * width) as f64 / 1e9,
            || Ok(ours.forward(&input, &input, &input)?),
            || Ok(candle.forward(&input, &input, &input)?),
        )?;
    }
    Ok(())
}

fn linear(sides: &[Compute; 2], weights: &Weights) -> Result<()> {
    let input = noise(&[4096, 320])?;
    let [ours, candle] = sides
        .each_ref()
        .map(|compute| Linear::load(weights, 320, 2560, compute));
    let (ours, candle) = (ours?, candle?);
    compare(
        "linear, 4096 rows, 320 to 2560",
        2.0 * 4096.0 * 320.0 * 2560.0 / 1e9,
        || Ok(ours.forward(&input)?),
        || Ok(candle.forward(&input)?),
    )
}

fn group_norm(sides: &[Compute; 2], weights: &Weights) -> Result<()> {
    let [ours, candle] = sides.each_ref().map(|compute| {
        let input = FeatureMap::from_nchw(&noise(&[1, 320, 64, 64])?, compute)?;
        anyhow::Ok((GroupNorm::load(weights, 32, 320, 1e-5, compute)?, input))
    });
    let (ours, candle) = (ours?, candle?);
    compare(
        "group norm and silu, 320 channels, 64x64",
        0.0,
        || Ok(ours.0.forward_silu(&ours.1)?),
        || Ok(candle.0.forward_silu(&candle.1)?),
    )
}

/// Runs both sides alternately and prints their medians.
fn compare<T>(
    name: &str,
    gigaflop: f64,
    ours: impl Fn() -> Result<T>,
    candle: impl Fn() -> Result<T>,
) -> Result<()> {
    let (mut our_times, mut candle_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our_times.push(time(&ours)?);
        candle_times.push(time(&candle)?);
    }
    let (ours, candle) = (median(our_times), median(candle_times));
    let rate = gigaflop / ours.as_secs_f64();
    writeln!(
        std::io::stdout(),
        "{name:42} ours {:8.2} ms ({rate:4.0} GFLOP/s)   candle {:8.2} ms   ratio {:.2}",
        1e3 * ours.as_secs_f64(),
        1e3 * candle.as_secs_f64(),
        candle.as_secs_f64() / ours.as_secs_f64(),
    )?;
    Ok(())
}

fn time<T>(run: impl Fn() -> Result<T>) -> Result<Duration> {
    let started = Instant::now();
    black_box(run()?);
    Ok(started.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
