//! Presets: sets of models, each described by a TOML manifest.

mod component;
mod directory;
mod error;
mod licence;
mod manifest;
mod source;
mod style;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use component::{Component, Components};
pub use error::PresetError;
pub use licence::Licence;
pub use manifest::{AdapterKind, ChannelOrder, FaceChoice, Measured, Options, Precision};
pub use source::{HubFile, Source};
pub use style::StyleRecipe;

use manifest::Manifest;

use crate::request::{RequestLimits, Style};

/// A named set of models with its options.
#[derive(Clone, Debug)]
pub struct Preset {
    models_dir: PathBuf,
    /// The text of the manifest.
    text: String,
    manifest: Manifest,
}

impl Preset {
    /// Reads `models_dir/NAME.toml`, or the preset of that name that is compiled
    /// in. A name is made of ASCII letters, digits and hyphens.
    ///
    /// # Errors
    /// Fails when the name is not valid, there is no such preset, or its
    /// manifest is not valid.
    pub fn find(models_dir: &Path, name: &str) -> Result<Self, PresetError> {
        let text = directory::manifest(models_dir, name)?;
        let refuse = |reason| PresetError::Manifest {
            path: directory::path(models_dir, name),
            reason,
        };
        let manifest: Manifest =
            toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        if manifest.name != name {
            let other = &manifest.name;
            return Err(refuse(format!(
                "it says name = {other:?}, which must be {name:?} as in the name of the file"
            )));
        }
        manifest.check().map_err(&refuse)?;
        Ok(Self {
            models_dir: models_dir.to_owned(),
            text,
            manifest,
        })
    }

    /// Reads all presets of a directory and those that are compiled in, in the
    /// order of their names. The directory need not exist.
    ///
    /// # Errors
    /// Fails when the directory cannot be read or a manifest in it is not
    /// valid.
    pub fn all(models_dir: &Path) -> Result<Vec<Self>, PresetError> {
        let names = directory::names(models_dir)?.into_iter();
        names.map(|name| Self::find(models_dir, &name)).collect()
    }

    /// Returns the name, which is also that of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Returns a description in one sentence.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.manifest.description
    }

    /// Returns a notice for users who see its images, if there is one.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        self.manifest.notice.as_deref()
    }

    /// Returns the options.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.manifest.options
    }

    /// Returns how long its images took where that was measured.
    #[must_use]
    pub fn measured(&self) -> &[Measured] {
        &self.manifest.measured
    }

    /// Returns the sizes and numbers of steps that requests may ask for.
    #[must_use]
    pub fn limits(&self) -> &RequestLimits {
        &self.manifest.limits
    }

    /// Returns the styles that requests may ask for: realistic, which every
    /// preset has, and those of the manifest.
    #[must_use]
    pub fn styles(&self) -> Vec<Style> {
        let others = self.manifest.styles.keys().copied();
        [Style::Realistic].into_iter().chain(others).collect()
    }

    /// Returns the recipe of a style; `None` when it is not offered.
    #[must_use]
    pub fn style(&self, style: Style) -> Option<StyleRecipe> {
        if style == Style::Realistic {
            return Some(StyleRecipe::default());
        }
        self.manifest.styles.get(&style).cloned()
    }

    /// Returns a preset for each set of base models: this one, and for each
    /// style with its own models a copy that uses them.
    #[must_use]
    pub fn base_models(&self) -> Vec<(Style, Self)> {
        let styles = self.manifest.styles.iter();
        let own = styles.filter(|(_, recipe)| recipe.has_models());
        let others = own.map(|(style, recipe)| {
            let mut other = self.clone();
            recipe.replace_in(&mut other.manifest.components);
            (*style, other)
        });
        let base = (Style::Realistic, self.clone());
        [base].into_iter().chain(others).collect()
    }

    /// Returns whether it has a safety checker.
    #[must_use]
    pub fn has_safety_checker(&self) -> bool {
        self.components().safety_checker.is_some()
    }

    /// Returns the number of networks: all components but the tokenizer and the
    /// LoRA, which becomes part of the UNet.
    #[must_use]
    pub fn network_count(&self) -> usize {
        let components = self.components().named().into_iter();
        components
            .filter(|(name, _)| !matches!(*name, "tokenizer" | "lora"))
            .count()
    }

    /// Returns whether `other` was read from an equal manifest of the same
    /// directory.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        (&self.models_dir, &self.text) == (&other.models_dir, &other.text)
    }

    /// Returns the licences that the manifest defines, by their names.
    #[must_use]
    pub fn licences(&self) -> &BTreeMap<String, Licence> {
        &self.manifest.licences
    }

    /// Returns the components.
    #[must_use]
    pub fn components(&self) -> &Components {
        &self.manifest.components
    }

    /// Returns the components, including those of styles, with their names in
    /// the manifest.
    #[must_use]
    pub fn models(&self) -> Vec<(String, &Component)> {
        self.manifest.models()
    }

    /// Returns the same components in the same order, mutably.
    pub fn models_mut(&mut self) -> impl Iterator<Item = &mut Component> {
        let Manifest {
            components, styles, ..
        } = &mut self.manifest;
        let of_styles = styles.values_mut().flat_map(StyleRecipe::models_mut);
        components.in_order_mut().chain(of_styles)
    }

    /// Returns an error about the manifest of this preset.
    #[must_use]
    pub fn refusal(&self, reason: &str) -> PresetError {
        PresetError::Manifest {
            path: directory::path(&self.models_dir, self.name()),
            reason: reason.to_owned(),
        }
    }

    /// Resolves a path of the manifest, relative to the directory of presets.
    #[must_use]
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.models_dir.join(relative)
    }
}
