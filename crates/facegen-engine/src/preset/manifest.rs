use std::path::{Path, PathBuf};

use candle_core::DType;
use serde::Deserialize;

/// `models/NAME.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) description: String,
    #[serde(default)]
    pub(super) options: Options,
    pub(super) components: Components,
}

/// How a preset's models are used.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What weights and activations are computed in: a property of the preset,
    /// never of the machine that happens to run it.
    pub dtype: Precision,
    /// Weight of the image branch in every cross-attention, `scale` of the
    /// reference.
    pub adapter_scale: f64,
    /// Order of the channels that the image encoder sees. The reference hands
    /// it BGR, on which its pictures depend.
    pub clip_channel_order: ChannelOrder,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dtype: Precision::F32,
            adapter_scale: 1.0,
            clip_channel_order: ChannelOrder::Bgr,
        }
    }
}

/// Numbers of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits, IEEE.
    F16,
    /// 16 bits with the exponent of 32.
    Bf16,
}

impl Precision {
    /// candle's name for it.
    #[must_use]
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}

/// The order of colours in the picture of the face that CLIP sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Blue first, as the reference.
    Bgr,
    /// Red first.
    Rgb,
}

impl From<ChannelOrder> for facegen_vision::ChannelOrder {
    fn from(order: ChannelOrder) -> Self {
        match order {
            ChannelOrder::Bgr => Self::Bgr,
            ChannelOrder::Rgb => Self::Rgb,
        }
    }
}

/// The models of a preset, by the names of diffusers' folders where it has
/// one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Components {
    /// CLIP's byte pairs.
    pub tokenizer: Component,
    /// CLIP text encoder.
    pub text_encoder: Component,
    /// CLIP image encoder.
    pub image_encoder: Component,
    /// The denoiser.
    pub unet: Component,
    /// The decoder of latents.
    pub vae: Component,
    /// IP-Adapter-FaceID-PlusV2.
    pub adapter: Component,
    /// Finds faces and their landmarks.
    pub face_detector: Component,
    /// Says who a face is.
    pub face_embedder: Component,
    /// Stable Diffusion's safety checker; without one pictures are not looked
    /// at.
    #[serde(default)]
    pub safety_checker: Option<Component>,
}

impl Components {
    /// The config of every model that has one.
    pub(crate) fn configs(&self) -> impl Iterator<Item = &Path> {
        let models = [
            &self.text_encoder,
            &self.image_encoder,
            &self.unet,
            &self.vae,
            &self.adapter,
        ];
        models
            .into_iter()
            .chain(&self.safety_checker)
            .filter_map(|component| component.config.as_deref())
    }
}

/// One model of a preset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Where its weights come from.
    pub source: Source,
    /// Its `config.json`, for models that have one.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// Licence of the weights, by its SPDX name where there is one.
    pub licence: String,
    /// Hash of the file; checked before it is loaded.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// Where a model's weights come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// A file, relative to the folder of presets.
    Path(PathBuf),
    /// Random weights of this seed, written once as an ordinary checkpoint.
    Synthetic(u32),
}
