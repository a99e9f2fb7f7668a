use candle_core::Tensor;

/// The conditioning of one row of a UNet call.
///
/// It is an argument, never state of a model: one user's face cannot reach
/// another user's image.
#[derive(Clone, Debug)]
pub struct Conditioning {
    /// `encoder_hidden_states` of the prompt: `(1, tokens, cross_attention_dim)`.
    pub text: Tensor,
    /// The face, if there is an adapter.
    pub image: Option<ImagePrompt>,
}

/// Image tokens of an adapter and their weight.
#[derive(Clone, Debug)]
pub struct ImagePrompt {
    /// `(1, tokens, cross_attention_dim)`; four tokens for FaceID-PlusV2.
    pub tokens: Tensor,
    /// Factor on the image branch of every cross-attention, `scale` of the
    /// reference; 1 by default.
    pub scale: f64,
}
