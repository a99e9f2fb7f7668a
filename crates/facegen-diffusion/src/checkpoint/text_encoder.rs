use facegen_nn::Weights;
use facegen_nn::weights::NewName;

use super::has_prefix;

const PREFIX: &str = "cond_stage_model.transformer.";

/// Presents an original checkpoint's text encoder under transformers' names.
#[must_use]
pub fn text_encoder(weights: &Weights) -> Weights {
    if !has_prefix(weights, PREFIX) {
        return weights.clone();
    }
    weights.renamed(|name| name.strip_prefix(PREFIX).map(NewName::new))
}
