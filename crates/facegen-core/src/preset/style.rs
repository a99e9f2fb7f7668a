//! Styles: prompt templates and models that replace those of a preset.

use std::borrow::Cow;

use serde::Deserialize;

use super::component::{Component, Components};

/// The placeholder for the caller's prompt in a template.
const PLACE: &str = "{prompt}";

/// `[styles.NAME]` of a manifest: templates of the prompts, replacements of the
/// preset's models, or both. The default changes nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleRecipe {
    #[serde(default)]
    prompt: Option<PromptTemplate>,
    #[serde(default)]
    negative_prompt: Option<String>,
    #[serde(default)]
    unet: Option<Component>,
    #[serde(default)]
    vae: Option<Component>,
    #[serde(default)]
    text_encoder: Option<Component>,
}

impl StyleRecipe {
    /// Returns the prompt for the text encoder: the caller's within the
    /// template.
    #[must_use]
    pub fn prompt<'p>(&self, prompt: &'p str) -> Cow<'p, str> {
        match &self.prompt {
            Some(template) => template.around(prompt).into(),
            None => prompt.into(),
        }
    }

    /// Does the same for the negative prompt, which can be empty: the words of
    /// the style follow those of the caller.
    #[must_use]
    pub fn negative_prompt<'p>(&'p self, prompt: &'p str) -> Cow<'p, str> {
        match &self.negative_prompt {
            Some(words) if prompt.is_empty() => words.into(),
            Some(words) => format!("{prompt}, {words}").into(),
            None => prompt.into(),
        }
    }

    /// Returns whether it replaces models.
    pub(super) fn has_models(&self) -> bool {
        !self.models().is_empty()
    }

    /// Returns whether it changes all images. A negative prompt alone has no
    /// effect on requests without guidance.
    pub(super) fn changes_images(&self) -> bool {
        self.prompt.is_some() || self.has_models()
    }

    /// Returns its models, with their names in the manifest's table.
    pub(super) fn models(&self) -> Vec<(&'static str, &Component)> {
        let models = [
            ("unet", &self.unet),
            ("vae", &self.vae),
            ("text_encoder", &self.text_encoder),
        ];
        let named = models.into_iter();
        named
            .filter_map(|(name, model)| Some((name, model.as_ref()?)))
            .collect()
    }

    /// Returns its models in the order of [`Self::models`], mutably.
    pub(super) fn models_mut(&mut self) -> impl Iterator<Item = &mut Component> {
        let models = [&mut self.unet, &mut self.vae, &mut self.text_encoder];
        models.into_iter().flatten()
    }

    /// Replaces a preset's models by its own.
    pub(super) fn replace_in(&self, components: &mut Components) {
        let pairs = [
            (&mut components.unet, &self.unet),
            (&mut components.vae, &self.vae),
            (&mut components.text_encoder, &self.text_encoder),
        ];
        for (place, model) in pairs {
            if let Some(model) = model {
                place.clone_from(model);
            }
        }
    }
}

/// The words before and after the caller's prompt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct PromptTemplate {
    before: String,
    behind: String,
}

impl PromptTemplate {
    fn around(&self, prompt: &str) -> String {
        format!("{}{prompt}{}", self.before, self.behind)
    }
}

impl TryFrom<String> for PromptTemplate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(PLACE) {
            Some((before, behind)) if !behind.contains(PLACE) => Ok(Self {
                before: before.to_owned(),
                behind: behind.to_owned(),
            }),
            _ => Err(format!("the prompt of a style must contain {PLACE} once")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(text: &str) -> StyleRecipe {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_template_surrounds_any_prompt() {
        let recipe = recipe("prompt = \"a drawing of {prompt}, inked\"");
        for (prompt, styled) in [
            ("a man", "a drawing of a man, inked"),
            ("{prompt} {0}", "a drawing of {prompt} {0}, inked"),
        ] {
            assert_eq!(recipe.prompt(prompt), styled);
        }
        assert_eq!(recipe.negative_prompt("hat"), "hat");
    }

    #[test]
    fn words_are_added_to_a_negative_prompt() {
        let recipe = recipe("negative_prompt = \"photo\"");
        assert_eq!(recipe.negative_prompt("hat"), "hat, photo");
        assert_eq!(recipe.negative_prompt(""), "photo");
        assert_eq!(recipe.prompt("a man"), "a man");
    }

    #[test]
    fn a_template_has_one_place_for_the_prompt() {
        for template in ["", "a drawing", "{prompt} and {prompt}", "{prompt"] {
            let error = PromptTemplate::try_from(template.to_owned()).unwrap_err();
            assert_eq!(error, "the prompt of a style must contain {prompt} once");
        }
    }
}
