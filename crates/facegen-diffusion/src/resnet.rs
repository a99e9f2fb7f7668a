use candle_core::Tensor;
use facegen_nn::layers::{Conv2d, Conv2dConfig, Epilogue, GroupNorm, Linear};
use facegen_nn::{Compute, FeatureMap, NnError, Result, Weights};

/// Sizes of a [`ResnetBlock2D`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResnetConfig {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    /// Width of the time embedding; none in a VAE.
    pub(crate) time_embed_dim: Option<usize>,
    pub(crate) groups: usize,
    pub(crate) eps: f64,
}

/// diffusers' `ResnetBlock2D`: two convolutions, each after a group norm, the
/// time embedding added between them, and a shortcut around.
#[derive(Debug)]
pub(crate) struct ResnetBlock2D {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

impl ResnetBlock2D {
    pub(crate) fn load(
        config: &ResnetConfig,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self> {
        let (input, output) = (config.in_channels, config.out_channels);
        let norm = |name: &str, channels: usize| {
            GroupNorm::load(
                &weights.pp(name),
                config.groups,
                channels,
                config.eps,
                compute,
            )
        };
        let conv = |name: &str, conv: Conv2dConfig| Conv2d::load(&weights.pp(name), &conv, compute);
        let projection = config
            .time_embed_dim
            .map(|width| Linear::load(&weights.pp("time_emb_proj"), width, output, compute));
        let shortcut =
            (input != output).then(|| conv("conv_shortcut", Conv2dConfig::new(input, output, 1)));
        Ok(Self {
            norm1: norm("norm1", input)?,
            conv1: conv("conv1", Conv2dConfig::new(input, output, 3).padding(1))?,
            time_emb_proj: projection.transpose()?,
            norm2: norm("norm2", output)?,
            conv2: conv("conv2", Conv2dConfig::new(output, output, 3).padding(1))?,
            conv_shortcut: shortcut.transpose()?,
        })
    }

    /// Runs the block; `time_embedding` `(batch, time_embed_dim)` is after silu.
    pub(crate) fn forward(
        &self,
        input: &FeatureMap,
        time_embedding: Option<&Tensor>,
    ) -> Result<FeatureMap> {
        let shift = match (&self.time_emb_proj, time_embedding) {
            (Some(projection), Some(embedding)) => Some(projection.forward(embedding)?),
            (None, None) => None,
            _ => {
                return Err(NnError::Argument(
                    "a time embedding goes with its projection".into(),
                ));
            }
        };
        // The shift is fused where that is free: into the norm or the convolution.
        let (late, early) = match shift.as_ref() {
            Some(shift) if self.norm2.fuses_shift() => (Some(shift), None),
            shift => (None, shift),
        };
        let epilogue = Epilogue {
            per_sample: early,
            ..Epilogue::default()
        };
        let hidden_states = self
            .conv1
            .forward_fused(&self.norm1.forward_silu(input)?, &epilogue)?;
        let hidden_states = match late {
            Some(shift) => self.norm2.forward_shifted_silu(&hidden_states, shift)?,
            None => self.norm2.forward_silu(&hidden_states)?,
        };

        let shortcut = self
            .conv_shortcut
            .as_ref()
            .map(|conv| conv.forward(input))
            .transpose()?;
        let residual = Some(shortcut.as_ref().unwrap_or(input));
        let epilogue = Epilogue {
            residual,
            ..Epilogue::default()
        };
        self.conv2.forward_fused(&hidden_states, &epilogue)
    }
}
