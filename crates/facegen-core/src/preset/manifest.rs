//! The manifest of a preset, and its options.

use std::collections::BTreeMap;

use serde::Deserialize;
use strum::IntoStaticStr;

use super::component::{Component, Components};
use super::licence::Licence;
use super::style::StyleRecipe;
use crate::request::{RequestLimits, Style};

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
    pub(super) measured: Vec<Measured>,
    #[serde(default)]
    pub(super) licences: BTreeMap<String, Licence>,
    pub(super) components: Components,
    #[serde(default)]
    pub(super) limits: RequestLimits,
    #[serde(default)]
    pub(super) styles: BTreeMap<Style, StyleRecipe>,
}

impl Manifest {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Returns why the manifest cannot be used.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.styles.contains_key(&Style::Realistic) {
            return Err("the style realistic is the preset as it is".to_owned());
        }
        if self.components.lora.is_some() && self.options.adapter_kind == AdapterKind::PlusFace {
            return Err("the adapter plus-face has no lora".to_owned());
        }
        self.check_licences()?;
        let idle = self.styles.iter().find(|(_, it)| !it.changes_images());
        idle.map_or(Ok(()), |(style, _)| {
            let style = style.as_str();
            Err(format!(
                "the style {style} has neither a prompt nor a model"
            ))
        })
    }
}

/// Licences that need no acceptance before weights are fetched, by their SPDX
/// names. A manifest has to define any other one, since otherwise a mistyped
/// name would skip the acceptance.
const OPEN_LICENCES: [&str; 5] = [
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "MIT",
];

impl Manifest {
    /// Lists all components, including those of styles, with their names.
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

/// How long an image took on one machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What computed it, e.g. `2 cores of an AMD EPYC`.
    pub device: String,
    /// Seconds from the photo to the pixels of one image of 512×512 in 21 steps.
    pub seconds: f64,
}

/// How a preset's models are used.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The dtype of weights and activations.
    pub dtype: Precision,
    /// The dtype on a GPU, if it differs. A CPU gains nothing from 16 bits: it
    /// computes in 32 and only rounds to them.
    pub gpu_dtype: Option<Precision>,
    /// Weight of the image branch in every cross-attention, `scale` of the
    /// reference.
    pub adapter_scale: f64,
    /// Channel order of the image encoder's input. The reference passes BGR,
    /// which its images depend on.
    pub clip_channel_order: ChannelOrder,
    /// The kind of the adapter.
    pub adapter_kind: AdapterKind,
    /// The face that is used of a photo with several.
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
    /// Returns the dtype on a GPU or on the CPU.
    #[must_use]
    pub fn precision(&self, is_gpu: bool) -> Precision {
        let of_gpu = self.gpu_dtype.filter(|_| is_gpu);
        of_gpu.unwrap_or(self.dtype)
    }
}

/// A dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits, IEEE.
    F16,
    /// 16 bits with the exponent of `F32`.
    Bf16,
}

impl Precision {
    /// Returns its name in manifests and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The channel order of the image encoder's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red first, as CLIP was trained.
    Rgb,
    /// Blue first. The reference code of IP-Adapter-FaceID-PlusV2 reads the
    /// photo with OpenCV and never swaps the channels, so the adapter was
    /// trained with blue where CLIP expects red (normalized with red's mean and
    /// deviation).
    Bgr,
}

/// The adapters that are implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterKind {
    /// IP-Adapter-FaceID-PlusV2: the identity, from a recogniser's embedding,
    /// and the structure of the face.
    FaceidPlusv2,
    /// IP-Adapter-Plus-Face: the look of the face, without a recogniser.
    PlusFace,
}

/// The face that is used of a photo with several. Ties go to the highest
/// detection score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaceChoice {
    /// The highest detection score: the reference's `faces[0]`.
    #[default]
    Score,
    /// The largest area of the bounding box: insightface's `max_num=1` with `metric='max'`.
    Largest,
    /// The largest value of `area − 2 · distance²`, where the distance is that
    /// of the box's centre from the photo's, in whole pixels: insightface's
    /// `max_num=1` with `metric='default'`. A large face wins over a small one
    /// in the middle unless it is far from the middle.
    Center,
}

impl FaceChoice {
    /// Returns the choice in words, such as "the largest".
    #[must_use]
    pub fn chosen(self) -> &'static str {
        match self {
            Self::Score => "the most certain",
            Self::Largest => "the largest",
            Self::Center => "the most central",
        }
    }
}
