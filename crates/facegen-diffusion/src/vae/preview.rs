//! Previews of latents: a linear map of their channels to colors, one pixel a
//! latent, at a cost that a decode hides.

use candle_core::{Device, Tensor};
use facegen_nn::Result;

/// Red, green and blue, from -1 to 1.
type Color = [f32; 3];

/// The linear map of one decoder.
#[derive(Clone, Debug)]
pub(super) struct LatentColors {
    /// What each channel adds at 1.
    factors: Vec<Color>,
    /// The color of latents that are 0.
    bias: Color,
}

/// The factors of Stable Diffusion 1.5's decoder, in the order of its channels.
/// Source: InvokeAI, `invokeai/backend/generator/base.py`,
/// `v1_5_latent_rgb_factors`, fitted to decoded images by torridgristle.
const STABLE_DIFFUSION_1_5: [Color; 4] = [
    [0.3444, 0.1385, 0.0670],
    [0.1247, 0.4027, 0.1494],
    [-0.3192, 0.2513, 0.2103],
    [-0.1307, -0.1874, -0.7445],
];

/// The channels of the levels of that decoder.
const STABLE_DIFFUSION_LEVELS: [usize; 4] = [128, 256, 512, 512];

/// The side of the latents whose response is measured.
const PROBE: usize = 8;

impl LatentColors {
    /// Returns the known map of a decoder of Stable Diffusion's layout.
    pub(super) fn known(latent_channels: usize, block_out_channels: &[usize]) -> Option<Self> {
        let is_known = latent_channels == STABLE_DIFFUSION_1_5.len()
            && block_out_channels == STABLE_DIFFUSION_LEVELS;
        is_known.then(|| Self {
            factors: STABLE_DIFFUSION_1_5.to_vec(),
            bias: [0.0; 3],
        })
    }

    /// Measures how a decoder responds to even latents: 0, and each channel alone
    /// at 1 and -1.
    pub(super) fn measured(
        channels: usize,
        device: &Device,
        decode: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let even = |channel: Option<usize>, value: f32| {
            let mut latents = vec![0.0; channels * PROBE * PROBE];
            if let Some(channel) = channel {
                latents[channel * PROBE * PROBE..][..PROBE * PROBE].fill(value);
            }
            let latents = Tensor::from_vec(latents, (1, channels, PROBE, PROBE), device)?;
            mean_color(&decode(&latents)?)
        };
        let factor = |channel| {
            let (more, less) = (even(Some(channel), 1.0)?, even(Some(channel), -1.0)?);
            Ok(std::array::from_fn(|index| {
                (more[index] - less[index]) / 2.0
            }))
        };
        Ok(Self {
            factors: (0..channels).map(factor).collect::<Result<_>>()?,
            bias: even(None, 0.0)?,
        })
    }

    /// Returns rows of RGB, one pixel for each latent of `(1, channels, height,
    /// width)`.
    pub(super) fn rgb(&self, latents: &Tensor) -> Result<Vec<u8>> {
        let (_, channels, height, width) = latents.dims4()?;
        let values = latents.to_device(&Device::Cpu)?.flatten_all()?;
        let values: Vec<f32> = values.to_vec1()?;
        let pixels = height * width;
        let color = |pixel: usize| {
            let mut color = self.bias;
            for (channel, factors) in self.factors.iter().enumerate().take(channels) {
                let value = values[channel * pixels + pixel];
                for (sum, factor) in color.iter_mut().zip(factors) {
                    *sum += value * factor;
                }
            }
            color.map(to_byte)
        };
        Ok((0..pixels).flat_map(color).collect())
    }
}

/// Returns the mean color of an image `(1, 3, height, width)`.
fn mean_color(image: &Tensor) -> Result<Color> {
    let means = image.mean((2, 3))?.flatten_all()?;
    let means: Vec<f32> = means.to_device(&Device::Cpu)?.to_vec1()?;
    Ok(std::array::from_fn(|index| {
        means.get(index).copied().unwrap_or(0.0)
    }))
}

/// Returns the byte of a value, -1 as 0 and 1 as 255.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is between 0 and 255"
)]
pub(super) fn to_byte(value: f32) -> u8 {
    ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_latent_becomes_a_pixel_by_the_factors() {
        let colors = LatentColors {
            factors: vec![[1.0, 0.0, 0.0], [0.0, 0.5, 0.0]],
            bias: [0.0, 0.0, 1.0],
        };
        // Two latents in a row; the second channel after the first.
        let latents = Tensor::new(&[1.0_f32, -1.0, 1.0, 0.0], &Device::Cpu).unwrap();
        let latents = latents.reshape((1, 2, 1, 2)).unwrap();
        let rgb = colors.rgb(&latents).unwrap();
        assert_eq!(rgb, [255, 191, 255, 0, 128, 255]);
    }

    #[test]
    fn only_the_published_layout_has_known_factors() {
        assert!(LatentColors::known(4, &[128, 256, 512, 512]).is_some());
        assert!(LatentColors::known(4, &[32, 64]).is_none());
        assert!(LatentColors::known(16, &[128, 256, 512, 512]).is_none());
    }
}
