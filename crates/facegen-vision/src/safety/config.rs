use facegen_nn::clip::ClipVisionConfig;
use facegen_nn::layers::Activation;
use serde::Deserialize;

/// `config.json` of a safety checker: transformers' `CLIPConfig`, of which only
/// the image half is used.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "ClipConfig")]
pub struct SafetyCheckerConfig {
    pub(super) vision: ClipVisionConfig,
}

impl SafetyCheckerConfig {
    /// Returns how many parameters the network has; the concepts are not of it.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.vision.parameters()
    }
}

/// The file's own structure.
#[derive(Deserialize)]
struct ClipConfig {
    projection_dim: usize,
    vision_config: VisionConfig,
}

/// The projection's width is next to this in the file, and again inside it with
/// a value that is not used.
#[derive(Deserialize)]
struct VisionConfig {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    image_size: usize,
    patch_size: usize,
    #[serde(default = "quick_gelu")]
    hidden_act: Activation,
    #[serde(default = "layer_norm_eps")]
    layer_norm_eps: f64,
}

impl From<ClipConfig> for SafetyCheckerConfig {
    fn from(config: ClipConfig) -> Self {
        let vision = config.vision_config;
        Self {
            vision: ClipVisionConfig {
                hidden_size: vision.hidden_size,
                intermediate_size: vision.intermediate_size,
                num_hidden_layers: vision.num_hidden_layers,
                num_attention_heads: vision.num_attention_heads,
                image_size: vision.image_size,
                patch_size: vision.patch_size,
                projection_dim: config.projection_dim,
                hidden_act: vision.hidden_act,
                layer_norm_eps: vision.layer_norm_eps,
            },
        }
    }
}

fn quick_gelu() -> Activation {
    Activation::QuickGelu
}

fn layer_norm_eps() -> f64 {
    1e-5
}
