use candle_core::Tensor;
use facegen_nn::layers::{Activation, Attention, LayerNorm, Linear};
use facegen_nn::{Compute, Result, Weights};

/// Channels of each head.
pub(super) const DIM_HEAD: usize = 64;
/// Layers of the published adapters.
pub(super) const DEPTH: usize = 4;
/// Width of the feed-forward layer over the width of a token.
const FF_MULT: usize = 4;
/// Epsilon of every layer norm.
const EPS: f64 = 1e-5;

/// `FacePerceiverResampler`: a few latent tokens that attend to many image
/// tokens. `Resampler` is the same with its own latents.
///
/// Follows IP-Adapter `ip_adapter/ip_adapter_faceid.py` and
/// `ip_adapter/resampler.py` at 62e4af9.
#[derive(Debug)]
pub(super) struct FacePerceiverResampler {
    proj_in: Linear,
    layers: Vec<(PerceiverAttention, FeedForward)>,
    proj_out: Linear,
    norm_out: LayerNorm,
}

impl FacePerceiverResampler {
    /// Loads it for latents of `width` and image tokens of `image_width`.
    pub(super) fn load(
        width: usize,
        image_width: usize,
        depth: usize,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self> {
        let layer = |index: usize| -> Result<_> {
            let weights = weights.pp("layers").pp(index);
            let attention = PerceiverAttention::load(width, &weights.pp(0), compute)?;
            Ok((
                attention,
                FeedForward::load(width, &weights.pp(1), compute)?,
            ))
        };
        Ok(Self {
            proj_in: Linear::load(&weights.pp("proj_in"), image_width, width, compute)?,
            layers: (0..depth).map(layer).collect::<Result<_>>()?,
            proj_out: Linear::load(&weights.pp("proj_out"), width, width, compute)?,
            norm_out: LayerNorm::load(&weights.pp("norm_out"), width, EPS, compute)?,
        })
    }

    /// Maps `latents` `(batch, tokens, width)` and `image` `(batch, patches,
    /// image_width)` to `(batch, tokens, width)`.
    pub(super) fn forward(&self, latents: &Tensor, image: &Tensor) -> Result<Tensor> {
        let image = self.proj_in.forward(image)?;
        let mut latents = latents.clone();
        for (attention, feed_forward) in &self.layers {
            latents = attention.forward(&image, &latents)?;
            latents = feed_forward.forward(&latents)?;
        }
        self.norm_out.forward(&self.proj_out.forward(&latents)?)
    }
}

/// Attention of the latents to image tokens and latents together.
#[derive(Debug)]
struct PerceiverAttention {
    norm1: LayerNorm,
    norm2: LayerNorm,
    to_q: Linear,
    to_kv: Linear,
    to_out: Linear,
    attention: Attention,
}

impl PerceiverAttention {
    fn load(width: usize, weights: &Weights, compute: &Compute) -> Result<Self> {
        let linear = |name: &str, output: usize| {
            Linear::load_without_bias(&weights.pp(name), width, output, compute)
        };
        Ok(Self {
            norm1: LayerNorm::load(&weights.pp("norm1"), width, EPS, compute)?,
            norm2: LayerNorm::load(&weights.pp("norm2"), width, EPS, compute)?,
            to_q: linear("to_q", width)?,
            to_kv: linear("to_kv", 2 * width)?,
            to_out: linear("to_out", width)?,
            attention: Attention::new(width / DIM_HEAD, compute),
        })
    }

    fn forward(&self, image: &Tensor, latents: &Tensor) -> Result<Tensor> {
        let normed = self.norm2.forward(latents)?;
        let query = self.to_q.forward(&normed)?;
        let read = Tensor::cat(&[&self.norm1.forward(image)?, &normed], 1)?;
        let key_value = self.to_kv.forward(&read)?.chunk(2, 2)?;
        let attended = self
            .attention
            .forward(&query, &key_value[0], &key_value[1])?;
        self.to_out.forward_residual(&attended, latents)
    }
}

/// Layer norm and an MLP with erf gelu.
#[derive(Debug)]
struct FeedForward {
    norm: LayerNorm,
    proj_in: Linear,
    proj_out: Linear,
}

impl FeedForward {
    fn load(width: usize, weights: &Weights, compute: &Compute) -> Result<Self> {
        let inner = width * FF_MULT;
        Ok(Self {
            norm: LayerNorm::load(&weights.pp(0), width, EPS, compute)?,
            proj_in: Linear::load_without_bias(&weights.pp(1), width, inner, compute)?,
            proj_out: Linear::load_without_bias(&weights.pp(3), inner, width, compute)?,
        })
    }

    fn forward(&self, latents: &Tensor) -> Result<Tensor> {
        let widened = self
            .proj_in
            .forward_activated(&self.norm.forward(latents)?, Activation::GeluErf)?;
        self.proj_out.forward_residual(&widened, latents)
    }
}
