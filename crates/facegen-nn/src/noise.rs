use std::f32::consts::PI;

use candle_core::{Device, Tensor};
use rand_mt::Mt;

use crate::Result;

/// Number of values that torch draws together: eight pairs of uniforms become
/// eight pairs of normals, half a block apart.
const BLOCK: usize = 16;

/// The random numbers of torch's CPU generator, so that a seed means the same
/// image here as in the reference.
///
/// Uniforms are exact; normals agree to 1e-6, because torch's vectorised
/// logarithm and cosine differ from the C library's in the last place.
/// Follows pytorch `aten/src/ATen/native/cpu/DistributionTemplates.h`
/// (`normal_fill`) and `aten/src/ATen/core/DistributionsHelper.h`.
#[derive(Clone, Debug)]
pub struct NoiseSource {
    generator: Mt,
}

impl NoiseSource {
    /// Seeds like `torch.Generator("cpu").manual_seed(seed)`, of which the CPU
    /// generator uses the low 32 bits.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self {
            generator: Mt::new(seed),
        }
    }

    /// Draws `torch.rand(count)`: uniform on [0, 1) in steps of 2⁻²⁴.
    pub fn uniform(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next_uniform()).collect()
    }

    /// Draws `torch.randn(count)`: standard normal values.
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        if count < BLOCK {
            return self.normal_one_by_one(count);
        }
        let mut values = self.uniform(count);
        for block in values.chunks_exact_mut(BLOCK) {
            box_muller(block);
        }
        if !count.is_multiple_of(BLOCK) {
            // torch draws the last block again rather than completing it.
            let tail = &mut values[count - BLOCK..];
            tail.fill_with(|| self.next_uniform());
            box_muller(tail);
        }
        values
    }

    /// Draws starting noise for one image: `(1, channels, height, width)`, f32.
    ///
    /// # Errors
    /// Fails when the tensor cannot be allocated on `device`.
    pub fn latents(
        &mut self,
        channels: usize,
        height: usize,
        width: usize,
        device: &Device,
    ) -> Result<Tensor> {
        let values = self.normal(channels * height * width);
        Ok(Tensor::from_vec(
            values,
            (1, channels, height, width),
            device,
        )?)
    }

    fn next_uniform(&mut self) -> f32 {
        (self.generator.next_u32() & 0x00ff_ffff) as f32 * 2f32.powi(-24)
    }

    fn next_uniform_f64(&mut self) -> f64 {
        let high = u64::from(self.generator.next_u32());
        let low = u64::from(self.generator.next_u32());
        ((high << 32 | low) & ((1 << 53) - 1)) as f64 * 2f64.powi(-53)
    }

    /// Follows torch's path for fewer than sixteen values: pairs in f64. Of an
    /// odd number the second of the last pair is dropped, where torch would
    /// keep it for the next draw; latents never are that few.
    fn normal_one_by_one(&mut self, count: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            let angle = 2.0 * std::f64::consts::PI * self.next_uniform_f64();
            let radius = (-2.0 * (-self.next_uniform_f64()).ln_1p()).sqrt();
            values.push((radius * angle.cos()) as f32);
            values.push((radius * angle.sin()) as f32);
        }
        values.truncate(count);
        values
    }
}

/// Turns sixteen uniforms into sixteen normals, in place.
fn box_muller(block: &mut [f32]) {
    let (first, second) = block.split_at_mut(BLOCK / 2);
    for (cosine, sine) in first.iter_mut().zip(second) {
        let radius = (-2.0 * (1.0 - *cosine).ln()).sqrt();
        let angle = 2.0 * PI * *sine;
        *cosine = radius * angle.cos();
        *sine = radius * angle.sin();
    }
}
