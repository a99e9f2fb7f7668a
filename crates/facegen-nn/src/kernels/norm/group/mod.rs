//! Group normalisation over NHWC.
//!
//! Statistics are taken in two passes, mean then squared deviations, one chunk of a sample at a
//! time while it is in the cache. Chunks are merged in `f64`, in their order, by the formula of
//! Chan, Golub and LeVeque ("Updating formulae and a pairwise algorithm for computing sample
//! variances", 1979). A chunk's size depends on the number of channels alone.
#![expect(
    unsafe_code,
    reason = "writes all of a result that is not zeroed first"
)]

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::super::{
    element::Element,
    epilogue::Activation,
    filled::filled,
    isa::{self, Isa, Kernel},
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

/// Normalises `[batch][pixels][channels]`, each group of each sample by its own mean and biased
/// variance, then applies `weight` and `bias`, both `[channels]`, and the activation.
///
/// # Panics
/// Panics when a slice does not fit the shape, or the groups do not divide the channels.
pub fn group_norm_nhwc<E: Element>(
    input: &[E],
    shape: &GroupNormShape,
    eps: f32,
    weight: &[f32],
    bias: &[f32],
    activation: Option<Activation>,
) -> Vec<E> {
    let (isa, shape) = (Isa::best(), *shape);
    let norm = GroupNorm {
        isa,
        shape,
        eps,
        weight,
        bias,
        activation,
    };
    // SAFETY: every pixel belongs to a chunk, which writes all of it.
    unsafe { filled(input.len(), |out| norm.compute(input, out)) }
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
    fn compute<E: Element>(&self, input: &[E], out: &mut [MaybeUninit<E>]) {
        let GroupNormShape {
            batch,
            pixels,
            channels,
            groups,
        } = self.shape;
        let sample = pixels * channels;
        assert!(
            sample > 0 && groups > 0 && channels.is_multiple_of(groups),
            "groups of channels"
        );
        assert_eq!(
            (input.len(), out.len()),
            (batch * sample, batch * sample),
            "images of the group norm"
        );
        assert_eq!(
            (self.weight.len(), self.bias.len()),
            (channels, channels),
            "weight and bias of the group norm"
        );
        for (input, out) in input.chunks_exact(sample).zip(out.chunks_exact_mut(sample)) {
            self.compute_sample(input, out);
        }
    }

    fn compute_sample<E: Element>(&self, input: &[E], out: &mut [MaybeUninit<E>]) {
        let GroupNormShape {
            channels, groups, ..
        } = self.shape;
        let chunk = (CHUNK / channels).max(1) * channels;
        let moments = self.moments(input, chunk);
        let channel_groups = (0..channels).map(|channel| &moments[channel / (channels / groups)]);
        let (means, scales): (Vec<f32>, Vec<f32>) = channel_groups
            .zip(self.weight)
            .map(|(moments, weight)| {
                (
                    moments.mean as f32,
                    moments.inverse_deviation(self.eps) * weight,
                )
            })
            .unzip();
        let (norm, means, scales) = (self, &means, &scales);
        let chunks = out.par_chunks_mut(chunk).zip(input.par_chunks(chunk));
        chunks.for_each(|(out, input)| {
            isa::run(
                self.isa,
                Normalise {
                    norm,
                    input,
                    means,
                    scales,
                    out,
                },
            )
        });
    }

    /// Returns the moments of every group of a sample, merged from those of its chunks.
    fn moments<E: Element>(&self, input: &[E], chunk: usize) -> Vec<Moments> {
        let GroupNormShape {
            channels, groups, ..
        } = self.shape;
        let moments = |pixels| {
            isa::run(
                self.isa,
                ChunkMoments {
                    pixels,
                    channels,
                    groups,
                },
            )
        };
        let chunks: Vec<Vec<Moments>> = input.par_chunks(chunk).map(moments).collect();
        let merged = |group: usize| {
            let nothing = Moments {
                count: 0.0,
                mean: 0.0,
                squares: 0.0,
            };
            chunks
                .iter()
                .fold(nothing, |merged, chunk| merged.merge(&chunk[group]))
        };
        (0..groups).map(merged).collect()
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
    /// Merges the moments of two parts.
    fn merge(&self, other: &Self) -> Self {
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + distance * other.count / count,
            squares: self.squares
                + other.squares
                + distance * distance * self.count * other.count / count,
        }
    }

    /// Returns 1 / √(variance + `eps`).
    fn inverse_deviation(&self, eps: f32) -> f32 {
        (1.0 / (self.squares / self.count + f64::from(eps)).sqrt()) as f32
    }
}

/// The moments of every group in a chunk.
struct ChunkMoments<'a, E> {
    pixels: &'a [E],
    channels: usize,
    groups: usize,
}

impl<E: Element> Kernel for ChunkMoments<'_, E> {
    type Output = Vec<Moments>;

    #[inline(always)]
    fn run(self) -> Vec<Moments> {
        let per_group = self.channels / self.groups;
        let count = (self.pixels.len() / self.groups) as f64;
        let zeros = vec![0.0; self.channels];
        let means: Vec<f64> = self
            .group_sums(&zeros, |value| value)
            .map(|sum| sum / count)
            .collect();
        let centres: Vec<f32> = (0..self.channels)
            .map(|channel| means[channel / per_group] as f32)
            .collect();
        let squares = self.group_sums(&centres, |deviation| deviation * deviation);
        let moments = means
            .iter()
            .zip(centres.chunks_exact(per_group))
            .zip(squares);
        moments
            .map(|((mean, centres), squares)| {
                // The deviations were taken from the mean rounded to `f32`.
                let rounding = mean - f64::from(centres[0]);
                let squares = squares - count * rounding * rounding;
                Moments {
                    count,
                    mean: *mean,
                    squares,
                }
            })
            .collect()
    }
}

impl<E: Element> ChunkMoments<'_, E> {
    /// Sums `term(value - centre)` for every group, with the centre of the value's channel.
    #[inline(always)]
    fn group_sums(&self, centres: &[f32], term: impl Fn(f32) -> f32) -> impl Iterator<Item = f64> {
        let mut sums = vec![0.0; self.channels];
        let mut partial = vec![0.0f32; self.channels];
        for run in self.pixels.chunks(RUN * self.channels) {
            partial.fill(0.0);
            for pixel in run.chunks_exact(self.channels) {
                for ((partial, value), centre) in partial.iter_mut().zip(pixel).zip(centres) {
                    *partial += term(value.widen() - centre);
                }
            }
            for (sum, partial) in sums.iter_mut().zip(&partial) {
                *sum += f64::from(*partial);
            }
        }
        let per_group = self.channels / self.groups;
        (0..self.groups).map(move |group| sums[group * per_group..][..per_group].iter().sum())
    }
}

/// The second pass: the normalisation of one chunk.
struct Normalise<'a, E> {
    norm: &'a GroupNorm<'a>,
    input: &'a [E],
    means: &'a [f32],
    scales: &'a [f32],
    out: &'a mut [MaybeUninit<E>],
}

impl<E: Element> Kernel for Normalise<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let channels = self.means.len();
        let mut normal = vec![0.0; channels];
        let pixels = self.input.chunks_exact(channels);
        for (out, input) in self.out.chunks_exact_mut(channels).zip(pixels) {
            let affine = self.means.iter().zip(self.scales).zip(self.norm.bias);
            for ((normal, value), ((mean, scale), bias)) in normal.iter_mut().zip(input).zip(affine)
            {
                *normal = (value.widen() - mean).mul_add(*scale, *bias);
            }
            if let Some(activation) = self.norm.activation {
                activation.apply(&mut normal);
            }
            for (out, normal) in out.iter_mut().zip(&normal) {
                out.write(E::narrow(*normal));
            }
        }
    }
}

#[cfg(test)]
mod tests;
