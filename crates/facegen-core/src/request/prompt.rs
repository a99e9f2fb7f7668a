//! Prompts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FieldError;

/// The longest prompt in characters. The text encoder reads 77 tokens, so this
/// only limits what is stored and echoed.
pub const MAX_CHARACTERS: usize = 10_000;

/// A text that is not empty, has no white space around it, no NUL, and at most
/// [`MAX_CHARACTERS`] characters.
///
/// `Debug` shows only its length, because prompts are private.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prompt(String);

impl Prompt {
    /// Trims `text` and checks it; `field` is named in the error.
    ///
    /// # Errors
    /// Fails when the text is empty, too long, or contains NUL, which neither
    /// the tokenizer nor a database can hold.
    pub fn new(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(FieldError::new(field, "is required"));
        }
        if text.contains('\0') {
            return Err(FieldError::new(field, "must not contain NUL characters"));
        }
        if text.chars().count() > MAX_CHARACTERS {
            let rule = format!("must have at most {MAX_CHARACTERS} characters");
            return Err(FieldError::new(field, rule));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Prompt {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        Self::new("prompt", &text)
    }
}

impl From<Prompt> for String {
    fn from(prompt: Prompt) -> Self {
        prompt.0
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Prompt({} characters)", self.0.chars().count())
    }
}
