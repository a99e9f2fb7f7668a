use candle_core::{Device, Tensor};
use facegen_nn::layers::DecoupledTable;
use facegen_nn::{Compute, FeatureMap, Result, select_rows};

use super::prepared::PreparedConditioning;

/// The input of every block of one UNet call.
///
/// A call has *samples*, each with latents and a timestep, and *rows*, each
/// with a conditioning for one of the samples. Up to the first cross-attention
/// the rows of a sample are the same, so the batch holds samples before it and
/// rows after it.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// One for each row.
    pub(super) conditionings: &'a [&'a PreparedConditioning],
    /// The same for a GPU.
    pub(super) table: DecoupledTable,
    /// Of the samples and of the rows: `(batch, time_embed_dim)`, after the
    /// silu.
    time_embeddings: [Tensor; 2],
    /// The sample of each row; none where each sample has one row.
    samples: Option<Tensor>,
    compute: Compute,
}

impl<'a> Context<'a> {
    /// Builds the context; `time_embedding` is that of the samples, `rows` has
    /// the sample of each conditioning.
    pub(super) fn new(
        time_embedding: Tensor,
        rows: &[usize],
        conditionings: &'a [&'a PreparedConditioning],
        compute: &Compute,
    ) -> Result<Self> {
        let layers = 0..conditionings.first().map_or(0, |row| row.layers.len());
        let layers = layers.map(|slot| {
            conditionings
                .iter()
                .map(|row| row.layers[slot].row())
                .collect()
        });
        let table = DecoupledTable::new(compute, layers)?;
        if rows.iter().copied().eq(0..time_embedding.dims()[0]) {
            let time_embeddings = [time_embedding.clone(), time_embedding];
            return Ok(Self {
                conditionings,
                table,
                time_embeddings,
                samples: None,
                compute: compute.clone(),
            });
        }
        let numbers: Vec<u32> = rows.iter().map(|&sample| sample as u32).collect();
        let samples = compute.upload(&Tensor::new(numbers, &Device::Cpu)?)?;
        let of_rows = select_rows(&time_embedding, &samples, compute)?;
        Ok(Self {
            conditionings,
            table,
            time_embeddings: [time_embedding, of_rows],
            samples: Some(samples),
            compute: compute.clone(),
        })
    }

    /// Returns the time embedding for a feature map of either samples or rows.
    pub(super) fn time_embedding(&self, hidden_states: &FeatureMap) -> &Tensor {
        let [of_samples, of_rows] = &self.time_embeddings;
        if hidden_states.batch() == self.conditionings.len() {
            of_rows
        } else {
            of_samples
        }
    }

    /// Returns a feature map of rows, given one of samples or rows.
    pub(super) fn to_rows(&self, hidden_states: &FeatureMap) -> Result<FeatureMap> {
        match &self.samples {
            Some(samples) if hidden_states.batch() != self.conditionings.len() => {
                hidden_states.select_samples(samples)
            }
            _ => Ok(hidden_states.clone()),
        }
    }

    /// Returns tokens of rows, given those of samples or rows.
    pub(super) fn tokens_to_rows(&self, tokens: Tensor) -> Result<Tensor> {
        match &self.samples {
            Some(samples) if tokens.dims()[0] != self.conditionings.len() => {
                Ok(select_rows(&tokens, samples, &self.compute)?)
            }
            _ => Ok(tokens),
        }
    }
}
