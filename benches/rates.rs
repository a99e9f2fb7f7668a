//! The rate of every kernel on the shapes of Stable Diffusion 1.5's UNet and
//! VAE, in f32 and in bf16, with the peak of the machine: `cargo bench --bench
//! rates`. Words after `--` choose the lines that contain one of them;
//! `RAYON_NUM_THREADS` sets the threads; `--cpu-time` counts only the CPU time
//! of the thread, which is right for one thread on a busy Linux machine.
//!
//! Each line is timed alternately with a tile that stays in the first-level
//! cache, so that other load slows both. Printed are medians and their ratio.
//! The peak is that of one thread.

mod noise;

use std::alloc::System;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use facegen_nn::kernels::peak::Peak;
use facegen_nn::kernels::reuse::Reusing;
use facegen_nn::kernels::{Element, HalfKernel, isa::Isa};
use facegen_nn::layers::{Attention, Conv2d, Conv2dConfig, GroupNorm, LayerNorm, Linear, geglu};
use facegen_nn::{Compute, FeatureMap, Result, Weights};
use half::bf16;
use noise::{Noise, noise};

/// The program keeps memory between layers, too.
#[global_allocator]
static ALLOCATOR: Reusing<System> = Reusing::new(System);

/// Rounds of each line.
const ROUNDS: usize = 9;
/// Seconds that a round of a line should take at least.
const ROUND: f64 = 0.05;

fn main() -> Result<()> {
    let (flags, words): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|word| word.starts_with("--"));
    let clock = if flags.iter().any(|flag| flag == "--cpu-time") {
        cpu_time
    } else {
        wall_time
    };
    let (full, half) = (Isa::best().name(), HalfKernel::best().name());
    print(&format!("f32 by {full}, bf16 by {half}"));
    for dtype in [DType::F32, DType::BF16] {
        let bench = Bench {
            words: &words,
            clock,
            weights: Weights::new(Arc::new(Noise)),
            compute: Compute::new(Device::Cpu, dtype),
        };
        bench.run()?;
    }
    Ok(())
}

struct Bench<'a> {
    words: &'a [String],
    /// Seconds since some fixed time.
    clock: fn() -> f64,
    weights: Weights,
    compute: Compute,
}

impl Bench<'_> {
    fn run(&self) -> Result<()> {
        for (channels, side) in [(320, 64), (640, 32), (1280, 16), (1280, 8)] {
            self.conv(2, (channels, channels), (side, side), 3)?;
        }
        self.conv(2, (960, 320), (64, 64), 3)?;
        self.conv(2, (2560, 1280), (16, 16), 3)?;
        self.conv(2, (4, 320), (64, 64), 3)?;
        self.conv(2, (320, 320), (96, 64), 3)?;
        self.conv(2, (1280, 1280), (24, 16), 3)?;
        self.conv(2, (1280, 1280), (12, 8), 3)?;
        for (channels, side) in [(512, 64), (512, 128), (256, 256), (128, 512)] {
            self.conv(1, (channels, channels), (side, side), 3)?;
        }
        for (rows, input, output) in [
            (8192, 320, 2560),
            (8192, 1280, 320),
            (8192, 320, 320),
            (2048, 640, 5120),
            (2048, 2560, 640),
            (512, 1280, 10240),
            (512, 5120, 1280),
            (154, 768, 768),
        ] {
            self.linear(rows, input, output)?;
        }
        for (keys, width) in [(4096, 320), (1024, 640), (256, 1280), (77, 320)] {
            self.attention(if keys == 77 { 4096 } else { keys }, keys, 8, width)?;
        }
        self.attention(4096, 4096, 1, 512)?;
        self.elementwise()
    }

    fn conv(
        &self,
        batch: usize,
        (input, output): (usize, usize),
        (height, width): (usize, usize),
        kernel: usize,
    ) -> Result<()> {
        let name = format!("conv {kernel}x{kernel} {input}->{output} {height}x{width} b{batch}");
        self.line(&name, || {
            let config = Conv2dConfig::new(input, output, kernel).padding(kernel / 2);
            let layer = Conv2d::load(&self.weights, &config, &self.compute)?;
            let map =
                FeatureMap::from_nchw(&noise(&[batch, input, height, width])?, &self.compute)?;
            let flop = 2 * batch * height * width * output * kernel * kernel * input;
            Ok((flop, move || layer.forward(&map).map(drop)))
        })
    }

    fn linear(&self, rows: usize, input: usize, output: usize) -> Result<()> {
        self.line(&format!("linear {rows}x{input}->{output}"), || {
            let layer = Linear::load(&self.weights, input, output, &self.compute)?;
            let rows_of_input = self.noise(&[rows, input])?;
            let flop = 2 * rows * input * output;
            Ok((flop, move || layer.forward(&rows_of_input).map(drop)))
        })
    }

    fn attention(&self, queries: usize, keys: usize, heads: usize, width: usize) -> Result<()> {
        let name = format!("attention 2x{heads}x{queries}x{} to {keys}", width / heads);
        self.line(&name, || {
            let layer = Attention::new(heads, &self.compute);
            let query = self.noise(&[2, queries, width])?;
            let key = self.noise(&[2, keys, width])?;
            let flop = 2 * 4 * queries * keys * width;
            Ok((flop, move || layer.forward(&query, &key, &key).map(drop)))
        })
    }

    /// Measures layers whose work is moving values; counted are the values.
    fn elementwise(&self) -> Result<()> {
        self.line("group norm and silu 320 64x64 b2", || {
            let layer = GroupNorm::load(&self.weights, 32, 320, 1e-5, &self.compute)?;
            let map = FeatureMap::from_nchw(&noise(&[2, 320, 64, 64])?, &self.compute)?;
            Ok((2 * 320 * 4096, move || layer.forward_silu(&map).map(drop)))
        })?;
        self.line("layer norm 8192x320", || {
            let layer = LayerNorm::load(&self.weights, 320, 1e-5, &self.compute)?;
            let rows = self.noise(&[8192, 320])?;
            Ok((8192 * 320, move || layer.forward(&rows).map(drop)))
        })?;
        self.line("geglu 8192x2560", || {
            let (rows, compute) = (self.noise(&[8192, 2560])?, self.compute.clone());
            Ok((8192 * 1280, move || geglu(&rows, &compute).map(drop)))
        })
    }

    fn noise(&self, shape: &[usize]) -> Result<Tensor> {
        Ok(noise(shape)?.to_dtype(self.compute.dtype())?)
    }

    /// Times a layer alternately with the peak and prints both.
    fn line<R: Fn() -> Result<()> + Sync + Send>(
        &self,
        name: &str,
        layer: impl FnOnce() -> Result<(usize, R)>,
    ) -> Result<()> {
        let name = format!("{:4} {name}", self.compute.dtype().as_str());
        if !self.words.is_empty() && !self.words.iter().any(|word| name.contains(word.as_str())) {
            return Ok(());
        }
        let (flop, run) = layer()?;
        let (rates, peaks) = self.compute.run(|| {
            if self.compute.dtype() == DType::BF16 {
                rounds::<bf16>(self.clock, flop, &run)
            } else {
                rounds::<f32>(self.clock, flop, &run)
            }
        })?;
        let (rate, peak) = (median(rates), median(peaks));
        let (time, percent) = (1e3 * flop as f64 / rate, 100.0 * rate / peak);
        print(&format!(
            "{name:40} {time:8.2} ms {:7.0} G/s, {percent:3.0} % of {:.0}",
            rate / 1e9,
            peak / 1e9
        ));
        Ok(())
    }
}

/// Returns the rates of a layer and of the peak, in operations a second.
fn rounds<E: Element>(
    clock: fn() -> f64,
    flop: usize,
    run: &impl Fn() -> Result<()>,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut peak = Peak::<E>::default();
    let started = clock();
    run()?;
    let times = (ROUND / (clock() - started)).ceil() as usize;
    let mut rates = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = clock();
        for _ in 0..times {
            black_box(run()?);
        }
        rates.0.push((times * flop) as f64 / (clock() - started));
        let started = clock();
        let multiplied = black_box(peak.run(20_000));
        rates.1.push(multiplied as f64 / (clock() - started));
    }
    Ok(rates)
}

fn wall_time() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}

/// Returns the CPU time that Linux counts for this thread; reading the file
/// brings it up to date.
fn cpu_time() -> f64 {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = counts
        .split(' ')
        .next()
        .and_then(|count| count.parse().ok());
    nanoseconds.unwrap_or(f64::NAN) * 1e-9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print(line: &str) {
    // There is no remedy for an output that is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}
