use crate::kernels::packed::PanelLayout;

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
    /// Query i sees the keys 0 to i only.
    pub causal: bool,
}

impl AttentionShape {
    /// Floats of a token.
    pub(super) fn width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// One head's transposed keys, `[head_dim][key_tokens]`.
    pub(super) fn key_layout(&self) -> PanelLayout {
        PanelLayout::new(self.head_dim, self.key_tokens)
    }

    /// One head's values, `[key_tokens][head_dim]`.
    pub(super) fn value_layout(&self) -> PanelLayout {
        PanelLayout::new(self.key_tokens, self.head_dim)
    }

    /// Floats of a packed head.
    pub(super) fn packed_head(&self) -> usize {
        self.key_layout().len() + self.value_layout().len()
    }
}
