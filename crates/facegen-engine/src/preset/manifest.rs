use std::collections::BTreeMap;

use candle_core::{DType, Device};
use facegen_core::request::{RequestLimits, Style};
use facegen_nn::Compute;
use serde::Deserialize;

use super::component::{Component, Components};
use super::licence::Licence;
use super::style::StyleRecipe;

/// `models/NAME.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) notice: Option<String>,
    #[serde(default)]
    pub(super) options: Options,
    #[serde(default)]
    pub(super) licences: BTreeMap<String, Licence>,
    pub(super) components: Components,
    #[serde(default)]
    pub(super) limits: RequestLimits,
    #[serde(default)]
    pub(super) styles: BTreeMap<Style, StyleRecipe>,
}

impl Manifest {
    /// What the types do not say.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.styles.contains_key(&Style::Realistic) {
            return Err("the style realistic is the preset as it is".to_owned());
        }
        if self.components.lora.is_some() && self.options.adapter_kind == AdapterKind::PlusFace {
            return Err("the adapter plus-face has no lora".to_owned());
        }
        self.check_licences()?;
        let idle = self.styles.iter().find(|(_, it)| !it.changes_pictures());
        idle.map_or(Ok(()), |(style, _)| {
            let style = style.as_str();
            Err(format!(
                "the style {style} has neither a prompt nor a model"
            ))
        })
    }
}

/// Licences that ask for nothing before weights are fetched, by their SPDX
/// names. Of any other a manifest has to say what it asks for: else a name that
/// is mistyped would open the gate.
const OPEN_LICENCES: [&str; 5] = [
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "MIT",
];

impl Manifest {
    /// All models, those of styles among them, with their names.
    pub(super) fn models(&self) -> Vec<(String, &Component)> {
        let own = self.components.named().into_iter();
        let mut models: Vec<_> = own.map(|(name, model)| (name.to_owned(), model)).collect();
        for (style, recipe) in &self.styles {
            let style = style.as_str();
            let of_style = recipe.models().into_iter();
            models.extend(of_style.map(|(name, model)| (format!("styles.{style}.{name}"), model)));
        }
        models
    }

    fn check_licences(&self) -> Result<(), String> {
        let is_known =
            |licence: &str| OPEN_LICENCES.contains(&licence) || self.licences.contains_key(licence);
        let mut models = self.models().into_iter();
        models
            .find(|(_, model)| !is_known(&model.licence))
            .map_or(Ok(()), |(component, model)| {
                let licence = &model.licence;
                let open = OPEN_LICENCES.join(", ");
                Err(format!(
                    "the manifest does not say what the licence {licence} of {component} asks for: \
                     add [licences.\"{licence}\"] with terms and, where it applies, \
                     research_only = true; only {open} need no table"
                ))
            })
    }
}

/// How a preset's models are used.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What weights and activations are computed in.
    pub dtype: Precision,
    /// The same where a GPU computes, should it differ there. A CPU gains
    /// nothing from half of the bits, since it rounds to them only.
    pub gpu_dtype: Option<Precision>,
    /// Weight of the image branch in every cross-attention, `scale` of the
    /// reference.
    pub adapter_scale: f64,
    /// Order of the channels that the image encoder sees. The reference hands
    /// it BGR, on which its pictures depend.
    pub clip_channel_order: ChannelOrder,
    /// Which adapter the weights are.
    pub adapter_kind: AdapterKind,
    /// Which face is taken of a photograph that shows several.
    pub face: FaceChoice,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dtype: Precision::F32,
            gpu_dtype: None,
            adapter_scale: 1.0,
            clip_channel_order: ChannelOrder::Bgr,
            adapter_kind: AdapterKind::FaceidPlusv2,
            face: FaceChoice::Score,
        }
    }
}

impl Options {
    /// What is computed in, on a GPU or on the CPU.
    #[must_use]
    pub fn precision(&self, is_gpu: bool) -> Precision {
        let of_gpu = self.gpu_dtype.filter(|_| is_gpu);
        of_gpu.unwrap_or(self.dtype)
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
    /// Its name in manifests and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// What computes it on this machine's processor, in words that go on after
    /// its name; and what to set where that is no gain.
    #[must_use]
    pub fn on_cpu(self) -> String {
        let compute = Compute::new(Device::Cpu, self.dtype());
        let advice = if compute.gains_nothing() {
            ", for which this processor has no fast instructions (f32 as options.dtype of the \
             manifest would be as fast and more exact)"
        } else {
            ""
        };
        format!(" by {}{advice}", compute.kernel())
    }

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

/// The adapters that there are networks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterKind {
    /// IP-Adapter-FaceID-PlusV2: who somebody is, from a recogniser's
    /// embedding, and the structure of the face.
    FaceidPlusv2,
    /// IP-Adapter-Plus-Face: what the face looks like, without a recogniser.
    PlusFace,
}

/// Which face is taken of a photograph that shows several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaceChoice {
    /// The one that the detector is surest of, as the reference.
    Score,
    /// The largest.
    Largest,
    /// The one nearest to the centre.
    Center,
}

impl From<FaceChoice> for facegen_vision::FaceChoice {
    fn from(choice: FaceChoice) -> Self {
        match choice {
            FaceChoice::Score => Self::Score,
            FaceChoice::Largest => Self::Largest,
            FaceChoice::Center => Self::Center,
        }
    }
}
