use candle_core::Tensor;

use super::Linear;
use crate::{Compute, NnError, Result, Weights};

/// Linear layers of the same sizes and the same input, such as the projections
/// to queries, keys and values. On a GPU with this crate's kernels they are one
/// product.
#[derive(Debug)]
pub struct LinearGroup<const N: usize>(Group);

#[derive(Debug)]
enum Group {
    Apart(Vec<Linear>),
    Together { linear: Linear, output: usize },
}

impl<const N: usize> LinearGroup<N> {
    /// Loads the `weight` and, with `bias`, the `bias` of each layer.
    ///
    /// # Errors
    /// Fails when one is missing or has another shape.
    pub fn load(
        layers: &[Weights; N],
        input: usize,
        output: usize,
        bias: bool,
        compute: &Compute,
    ) -> Result<Self> {
        if compute.gpu().is_none() {
            let load = |layer| match bias {
                true => Linear::load(layer, input, output, compute),
                false => Linear::load_without_bias(layer, input, output, compute),
            };
            let apart = layers.iter().map(load).collect::<Result<_>>()?;
            return Ok(Self(Group::Apart(apart)));
        }
        let joined = |name: &str, shape: &[usize]| -> Result<Tensor> {
            let parts = layers.iter().map(|layer| layer.get(name, shape));
            Ok(Tensor::cat(&parts.collect::<Result<Vec<_>, _>>()?, 0)?)
        };
        let weight = joined("weight", &[output, input])?;
        let bias = bias.then(|| joined("bias", &[output])).transpose()?;
        let linear = Linear::new(&weight, bias.as_ref(), compute)?;
        Ok(Self(Group::Together { linear, output }))
    }

    /// Maps `(…, input)` to `(…, output)` by each layer. The results may be
    /// views of one tensor.
    ///
    /// # Errors
    /// Fails when the input has another width.
    pub fn forward(&self, input: &Tensor) -> Result<[Tensor; N]> {
        let outputs: Vec<Tensor> = match &self.0 {
            Group::Apart(layers) => {
                let outputs = layers.iter().map(|layer| layer.forward(input));
                outputs.collect::<Result<_>>()?
            }
            Group::Together { linear, output } => {
                let all = linear.forward(input)?;
                let axis = all.rank() - 1;
                let part = |index| all.narrow(axis, index * output, *output);
                (0..N).map(part).collect::<candle_core::Result<_>>()?
            }
        };
        let incomplete = |_| NnError::Argument("a group of layers is incomplete".into());
        outputs.try_into().map_err(incomplete)
    }
}
