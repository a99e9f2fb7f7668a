//! The LoRA that belongs to an adapter, fused into the attentions of a UNet.

use std::collections::HashMap;

use candle_core::Tensor;
use facegen_nn::Weights;
use facegen_nn::weights::{WeightPatch, WeightsError};

/// The LoRA matrices of every attention.
#[derive(Clone, Debug)]
pub(crate) struct Lora {
    weights: Weights,
    rank: usize,
    names: Names,
}

/// The names of a LoRA's matrices in a file.
#[derive(Clone, Copy, Debug)]
enum Names {
    /// `ip_adapter.N.to_q_lora.down.weight`, among those of an adapter.
    OfAdapter,
    /// `lora_unet_down_blocks_0_….lora_down.weight`, in a separate file.
    Kohya,
}

impl Lora {
    /// Returns the LoRA in an adapter's checkpoint.
    pub(crate) fn of_adapter(weights: Weights, rank: usize) -> Self {
        Self {
            weights,
            rank,
            names: Names::OfAdapter,
        }
    }

    /// Returns a LoRA in a separate checkpoint.
    pub(crate) fn separate(weights: Weights, rank: usize) -> Self {
        Self {
            weights,
            rank,
            names: Names::Kohya,
        }
    }

    /// Ends the loading.
    ///
    /// # Errors
    /// Fails when the checkpoint holds matrices that no attention took.
    pub(crate) fn finish(&self) -> Result<(), WeightsError> {
        self.weights.finish()
    }

    /// Returns the matrices of a projection.
    fn matrices(&self, place: &Projection<'_>) -> Weights {
        match self.names {
            Names::OfAdapter => {
                let numbered = self.weights.pp("ip_adapter").pp(place.number);
                numbered.pp(place.lora)
            }
            Names::Kohya => {
                let name = format!("lora_unet_{}", place.module.replace('.', "_"));
                self.weights.pp(name)
            }
        }
    }

    /// Marks the matrices of a projection as taken: they were fused before.
    fn skip(&self, place: &Projection<'_>) {
        self.matrices(place).ignore("");
    }

    /// Computes `up · down` of a projection, the change of its weight.
    fn change(
        &self,
        place: &Projection<'_>,
        output: usize,
        input: usize,
    ) -> Result<Tensor, WeightsError> {
        let weights = self.matrices(place);
        let (down, up) = match self.names {
            Names::OfAdapter => ("down.weight", "up.weight"),
            Names::Kohya => ("lora_down.weight", "lora_up.weight"),
        };
        let down = weights.get(down, &[self.rank, input])?;
        let change = weights.get(up, &[output, self.rank])?.matmul(&down)?;
        if !weights.contains("alpha") {
            return Ok(change);
        }
        let alpha = weights.get("alpha", &[])?.to_scalar::<f32>()?;
        Ok((change * (f64::from(alpha) / self.rank as f64))?)
    }
}

/// `W + up · down` for the four projections of every attention: exact algebra,
/// computed once in f32, so that a LoRA costs nothing at run time.
#[derive(Debug)]
pub(crate) struct AttentionLora {
    lora: Lora,
    /// The number of each attention.
    numbers: HashMap<String, usize>,
}

/// A projection of an attention that a LoRA changes.
struct Projection<'a> {
    /// The attention's number.
    number: usize,
    /// The adapter's name for the projection's LoRA.
    lora: &'static str,
    /// The projection's name in the UNet.
    module: &'a str,
}

impl AttentionLora {
    /// Builds the patch; `attention_names` are in the adapter's numbering.
    pub(crate) fn new(lora: Lora, attention_names: &[String]) -> Self {
        let numbers = attention_names.iter().cloned().zip(0..).collect();
        Self { lora, numbers }
    }

    /// Returns the projection that a UNet weight belongs to, if any.
    fn projection<'a>(&self, name: &'a str) -> Option<Projection<'a>> {
        const PROJECTIONS: [(&str, &str); 4] = [
            (".to_q", "to_q_lora"),
            (".to_k", "to_k_lora"),
            (".to_v", "to_v_lora"),
            (".to_out.0", "to_out_lora"),
        ];
        let module = name.strip_suffix(".weight")?;
        PROJECTIONS.iter().find_map(|(suffix, lora)| {
            let attention = module.strip_suffix(suffix)?;
            Some(Projection {
                number: *self.numbers.get(attention)?,
                lora,
                module,
            })
        })
    }
}

impl WeightPatch for AttentionLora {
    fn apply(&self, name: &str, tensor: Tensor) -> Result<Tensor, WeightsError> {
        let Some(projection) = self.projection(name) else {
            return Ok(tensor);
        };
        let (output, input) = tensor.dims2()?;
        Ok((tensor + self.lora.change(&projection, output, input)?)?)
    }

    fn skip(&self, name: &str) {
        if let Some(projection) = self.projection(name) {
            self.lora.skip(&projection);
        }
    }
}
