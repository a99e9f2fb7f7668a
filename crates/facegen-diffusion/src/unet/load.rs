use std::cell::RefCell;
use std::sync::Arc;

use facegen_nn::{Compute, Result, Weights};

use super::attention_names::attention_names;
use super::config::UNet2DConditionConfig;
use super::cross_attention::CrossAttention;
use crate::AdapterWeights;

/// The shared state of loading the parts of a UNet.
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

    /// Fuses the adapter's LoRA, if it has one, into the UNet's weights.
    pub(super) fn fuse(&self, weights: &Weights) -> Weights {
        match self.adapter.and_then(|adapter| adapter.lora(&self.names)) {
            Some(lora) => weights.clone().patched(lora),
            None => weights.clone(),
        }
    }

    /// Loads a cross-attention and records it under its slot, so that its keys
    /// and values can be prepared once for a request.
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

    /// Returns every cross-attention, ordered by slot.
    pub(super) fn into_cross_attentions(self) -> Vec<Arc<CrossAttention>> {
        self.cross_attentions.into_inner()
    }
}
