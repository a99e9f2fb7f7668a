use std::cell::RefCell;
use std::sync::Arc;

use facegen_nn::{Compute, Result, Weights};

use super::attention_names::attention_names;
use super::config::UNet2DConditionConfig;
use super::cross_attention::CrossAttention;
use crate::AdapterWeights;

/// What the parts of a UNet need while they are loaded.
pub(super) struct Loader<'a> {
    pub(super) config: &'a UNet2DConditionConfig,
    pub(super) compute: &'a Compute,
    adapter: Option<&'a AdapterWeights>,
    names: Vec<String>,
    cross_attentions: RefCell<Vec<Arc<CrossAttention>>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(
        config: &'a UNet2DConditionConfig,
        adapter: Option<&'a AdapterWeights>,
        compute: &'a Compute,
    ) -> Self {
        let names = attention_names(config);
        Self {
            config,
            compute,
            adapter,
            names,
            cross_attentions: RefCell::default(),
        }
    }

    /// The UNet's weights with the adapter's LoRA, if it has one, fused into
    /// them.
    pub(super) fn fuse(&self, weights: &Weights) -> Weights {
        match self.adapter.and_then(|adapter| adapter.lora(&self.names)) {
            Some(lora) => weights.clone().patched(lora),
            None => weights.clone(),
        }
    }

    /// Loads a cross-attention and remembers it under the slot that it is
    /// given, so that its keys and values can be prepared once for a request.
    pub(super) fn cross_attention(
        &self,
        name: &str,
        level: usize,
        weights: &Weights,
    ) -> Result<Arc<CrossAttention>> {
        let number = self.names.iter().position(|known| known == name);
        let image = self
            .adapter
            .zip(number)
            .map(|(adapter, number)| adapter.attention(number));
        let slot = self.cross_attentions.borrow().len();
        let attention = Arc::new(CrossAttention::load(
            self.config,
            self.compute,
            slot,
            level,
            weights,
            image.as_ref(),
        )?);
        self.cross_attentions
            .borrow_mut()
            .push(Arc::clone(&attention));
        Ok(attention)
    }

    /// Every cross-attention, in the order of their slots.
    pub(super) fn into_cross_attentions(self) -> Vec<Arc<CrossAttention>> {
        self.cross_attentions.into_inner()
    }
}
