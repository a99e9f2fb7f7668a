//! Group normalisation over NHWC.
//!
//! Statistics are taken in two passes, mean then squared deviations, of one chunk of a sample after the other while it
//! is in the cache. Chunks are merged in `f64`, in their order, by the formula of Chan, Golub and LeVeque ("Updating
//! formulae and a pairwise algorithm for computing sample variances", 1979). A chunk's size depends on the number of
//! channels alone.

use rayon::prelude::*;

use super::super::{
    epilogue::Activation,
    isa::{self, Isa, Kernel},
    scratch::with_scratch,
};

/// Floats of a chunk: a quarter of a megabyte.
const CHUNK: usize = 64 * 1024;
/// Pixels whose sums are taken in `f32` before they join the `f64` sums.
const RUN: usize = 16;

/// The shape of a group norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupNormShape {
    /// Number of samples.
    pub batch: usize,
    /// Height × width.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
    /// Groups of neighbouring channels that share their statistics; they divide the channels.
    pub groups: usize,
}

/// Normalises `[batch][pixels][channels]`, each group of each sample by its own mean and biased variance; then come
/// `weight` and `bias`, both `[channels]`, and the activation.
///
/// # Panics
/// Where a slice does not fit the shape, or the groups do not divide the channels.
pub fn group_norm_nhwc(
    input: &[f32],
    shape: &GroupNormShape,
    eps: f32,
    weight: &[f32],
    bias: &[f32],
    activation: Option<Activation>,
    out: &mut [f32],
) {
    let (isa, shape) = (Isa::best(), *shape);
    GroupNorm { isa, shape, eps, weight, bias, activation }.compute(input, out);
}

struct GroupNorm<'a> {
    isa: Isa,
    shape: GroupNormShape,
    eps: f32,
    weight: &'a [f32],
    bias: &'a [f32],
    activation: Option<Activation>,
}

impl GroupNorm<'_> {
    fn compute(&self, input: &[f32], out: &mut [f32]) {
        let GroupNormShape { batch, pixels, channels, groups } = self.shape;
        let sample = pixels * channels;
        assert!(sample > 0 && groups > 0 && channels.is_multiple_of(groups), "groups of channels");
        assert_eq!((input.len(), out.len()), (batch * sample, batch * sample), "pictures of the group norm");
        assert_eq!((self.weight.len(), self.bias.len()), (channels, channels), "weight and bias of the group norm");
        for (input, out) in input.chunks_exact(sample).zip(out.chunks_exact_mut(sample)) {
            self.compute_sample(input, out);
        }
    }

    fn compute_sample(&self, input: &[f32], out: &mut [f32]) {
        let GroupNormShape { channels, groups, .. } = self.shape;
        let chunk = (CHUNK / channels).max(1) * channels;
        let mut chunks: Vec<Vec<Moments>> = Vec::new();
        let statistics = input.par_chunks(chunk);
        statistics
            .map(|pixels| isa::run(self.isa, ChunkMoments { pixels, channels, groups }))
            .collect_into_vec(&mut chunks);
        let moments = chunks.iter().skip(1).fold(chunks[0].clone(), |merged, chunk| {
            merged.iter().zip(chunk).map(|(left, right)| left.merge(right)).collect()
        });
        let channel_groups = (0..channels).map(|channel| &moments[channel / (channels / groups)]);
        let (means, scales): (Vec<f32>, Vec<f32>) = channel_groups
            .zip(self.weight)
            .map(|(moments, weight)| (moments.mean as f32, moments.inverse_deviation(self.eps) * weight))
            .unzip();
        let normalised = out.par_chunks_mut(chunk).zip(input.par_chunks(chunk));
        normalised.for_each(|(out, input)| {
            let (means, scales) = (&means, &scales);
            isa::run(self.isa, Normalise { norm: self, input, means, scales, out });
        });
    }
}

/// Count, mean and sum of squared deviations of some of a group's elements.
#[derive(Debug, Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn merge(&self, other: &Self) -> Self {
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + distance * other.count / count,
            squares: self.squares + other.squares + distance * distance * self.count * other.count / count,
        }
    }

    fn inverse_deviation(&self, eps: f32) -> f32 {
        (1.0 / (self.squares / self.count + f64::from(eps)).sqrt()) as f32
    }
}

/// The moments of every group in a chunk.
struct ChunkMoments<'a> {
    pixels: &'a [f32],
    channels: usize,
    groups: usize,
}

impl Kernel for ChunkMoments<'_> {
    type Output = Vec<Moments>;

    #[inline(always)]
    fn run(self) -> Vec<Moments> {
        let per_group = self.channels / self.groups;
        let count = (self.pixels.len() / self.groups) as f64;
        let group_sums = |sums: &[f64]| -> Vec<f64> {
            sums.chunks_exact(per_group).map(|channels| channels.iter().sum()).collect()
        };
        let mut sums = vec![0.0; self.channels];
        self.add_up(&mut sums, |_, value| value);
        let means: Vec<f32> = group_sums(&sums).iter().map(|sum| (sum / count) as f32).collect();
        let centres: Vec<f32> = (0..self.channels).map(|channel| means[channel / per_group]).collect();
        // The centre is the mean rounded to `f32`; what is left of it corrects both moments.
        sums.fill(0.0);
        self.add_up(&mut sums, |channel, value| value - centres[channel]);
        let residues = group_sums(&sums);
        sums.fill(0.0);
        self.add_up(&mut sums, |channel, value| {
            let deviation = value - centres[channel];
            deviation * deviation
        });
        let squares = group_sums(&sums);
        let moments = means.iter().zip(residues).zip(squares);
        moments
            .map(|((mean, residue), squares)| Moments {
                count,
                mean: f64::from(*mean) + residue / count,
                squares: squares - residue * residue / count,
            })
            .collect()
    }
}

impl ChunkMoments<'_> {
    /// Adds `term(channel, value)` of every pixel to the channel's sum.
    #[inline(always)]
    fn add_up(&self, sums: &mut [f64], term: impl Fn(usize, f32) -> f32) {
        with_scratch(self.channels, |partial| {
            for run in self.pixels.chunks(RUN * self.channels) {
                partial.fill(0.0);
                for pixel in run.chunks_exact(self.channels) {
                    for (channel, (partial, value)) in partial.iter_mut().zip(pixel).enumerate() {
                        *partial += term(channel, *value);
                    }
                }
                for (sum, partial) in sums.iter_mut().zip(&*partial) {
                    *sum += f64::from(*partial);
                }
            }
        });
    }
}

/// The second half: one chunk, normalised.
struct Normalise<'a> {
    norm: &'a GroupNorm<'a>,
    input: &'a [f32],
    means: &'a [f32],
    scales: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let channels = self.means.len();
        let (means, scales, bias) = (self.means, &self.scales[..channels], &self.norm.bias[..channels]);
        let pixels = self.out.chunks_exact_mut(channels).zip(self.input.chunks_exact(channels));
        for (out, input) in pixels {
            for channel in 0..channels {
                out[channel] = (input[channel] - means[channel]).mul_add(scales[channel], bias[channel]);
            }
            if let Some(activation) = self.norm.activation {
                activation.apply(out);
            }
        }
    }
}
