use crate::kernels::{element::Element, packed::PanelLayout};

/// The shape of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    /// Number of samples.
    pub batch: usize,
    /// Queries of a sample.
    pub query_tokens: usize,
    /// Keys of a sample.
    pub key_tokens: usize,
    /// Attention heads; the width of a token is `heads` × `head_dim`.
    pub heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Whether query i sees only the keys 0 to i.
    pub causal: bool,
}

impl AttentionShape {
    /// Returns the elements of a token.
    pub(super) fn width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Returns the layout of one head's transposed keys, `[head_dim][key_tokens]`.
    pub(super) fn key_layout<E: Element>(&self) -> PanelLayout {
        PanelLayout::new::<E>(self.head_dim, self.key_tokens)
    }

    /// Returns the layout of one head's values, `[key_tokens][head_dim]`.
    pub(super) fn value_layout<E: Element>(&self) -> PanelLayout {
        PanelLayout::new::<E>(self.key_tokens, self.head_dim)
    }

    /// Returns the elements of a packed head.
    pub(super) fn packed_head<E: Element>(&self) -> usize {
        self.key_layout::<E>().len() + self.value_layout::<E>().len()
    }
}
