//! How many parameters the encoders have, from their configs alone.

use super::{ClipTextConfig, ClipVisionConfig};

/// Returns the parameters of a linear layer with bias.
const fn linear(input: usize, output: usize) -> usize {
    input * output + output
}

/// Returns those of a layer norm.
const fn norm(width: usize) -> usize {
    2 * width
}

/// Returns those of one encoder layer.
const fn encoder_layer(width: usize, inner: usize) -> usize {
    4 * linear(width, width) + 2 * norm(width) + linear(width, inner) + linear(inner, width)
}

impl ClipTextConfig {
    /// Returns how many parameters the encoder has.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let (width, inner) = (self.hidden_size, self.intermediate_size);
        (self.vocab_size + self.max_position_embeddings) * width
            + self.num_hidden_layers * encoder_layer(width, inner)
            + norm(width)
    }
}

impl ClipVisionConfig {
    /// Returns how many parameters the encoder has, with its projection.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let (width, inner) = (self.hidden_size, self.intermediate_size);
        let embeddings = width + 3 * self.patch_size.pow(2) * width + self.tokens() * width;
        embeddings
            + self.num_hidden_layers * encoder_layer(width, inner)
            + 2 * norm(width)
            + width * self.projection_dim
    }
}
