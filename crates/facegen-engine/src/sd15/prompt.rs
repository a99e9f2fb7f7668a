//! Tokenises prompts for CLIP.

use std::path::Path;

use tokenizers::Tokenizer;

use crate::EngineError;

/// Tokens of a prompt, first and last included.
pub const PROMPT_TOKENS: usize = 77;

/// CLIP's byte-pair encoding as in diffusers: a start token, at most 75 tokens
/// of text, and end tokens up to 77.
#[derive(Debug)]
pub struct PromptTokenizer {
    tokenizer: Tokenizer,
    start: u32,
    end: u32,
}

/// A tokenised prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptTokens {
    /// Always [`PROMPT_TOKENS`].
    pub ids: Vec<u32>,
    /// Tokens of text that did not fit.
    pub truncated: usize,
}

impl PromptTokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// Fails when it cannot be read or has no start and end token.
    pub fn load(path: &Path) -> Result<Self, EngineError> {
        let mut tokenizer = Tokenizer::from_file(path)
            .map_err(|error| EngineError::Tokenizer(format!("{}: {error}", path.display())))?;
        // Both are done here, where the number of truncated tokens is known.
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| EngineError::Tokenizer(error.to_string()))?;
        let id = |token: &str| {
            let missing =
                || EngineError::Tokenizer(format!("{} has no token {token}", path.display()));
            tokenizer.token_to_id(token).ok_or_else(missing)
        };
        Ok(Self {
            start: id("<|startoftext|>")?,
            end: id("<|endoftext|>")?,
            tokenizer,
        })
    }

    /// Tokenises a prompt; text that does not fit is truncated, as in the
    /// reference.
    ///
    /// # Errors
    /// Fails when the tokenizer fails.
    pub fn encode(&self, prompt: &str) -> Result<PromptTokens, EngineError> {
        let encoding = self
            .tokenizer
            .encode_fast(prompt, false)
            .map_err(|error| EngineError::Tokenizer(error.to_string()))?;
        let (text, fits) = (encoding.get_ids(), PROMPT_TOKENS - 2);
        let kept = &text[..text.len().min(fits)];
        let mut ids = Vec::with_capacity(PROMPT_TOKENS);
        ids.push(self.start);
        ids.extend_from_slice(kept);
        ids.resize(PROMPT_TOKENS, self.end);
        Ok(PromptTokens {
            ids,
            truncated: text.len() - kept.len(),
        })
    }
}
