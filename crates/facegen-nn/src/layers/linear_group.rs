use candle_core::Tensor;

use super::Linear;
use crate::{Compute, NnError, Result, Weights};

/// Linear layers of the same sizes and the same input, such as the projections
/// to queries, keys and values. On a GPU with this crate's kernels they are one
/// product.
#[derive(Debug)]
pub struct LinearGroup<const N: usize>(Group<N>);

#[derive(Debug)]
enum Group<const N: usize> {
    Apart([Linear; N]),
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
        let of_all = |name: &str, shape: &[usize]| -> Result<Vec<Tensor>> {
            layers
                .iter()
                .map(|layer| Ok(layer.get(name, shape)?))
                .collect()
        };
        let weights = of_all("weight", &[output, input])?;
        let biases = if bias {
            of_all("bias", &[output])?
        } else {
            vec![]
        };
        if compute.gpu().is_some() {
            let bias = bias.then(|| Tensor::cat(&biases, 0)).transpose()?;
            let linear = Linear::new(&Tensor::cat(&weights, 0)?, bias.as_ref(), compute)?;
            return Ok(Self(Group::Together { linear, output }));
        }
        let apart = weights.iter().enumerate();
        let apart = apart.map(|(index, weight)| Linear::new(weight, biases.get(index), compute));
        let apart: Vec<Linear> = apart.collect::<Result<_>>()?;
        let apart = apart.try_into();
        let apart = apart.map_err(|_| NnError::Argument("a group of layers is incomplete".into()));
        Ok(Self(Group::Apart(apart?)))
    }

    /// Maps `(…, input)` to `(…, output)` by each layer. The results may be
    /// views of one tensor.
    ///
    /// # Errors
    /// Fails when the input has another width.
    pub fn forward(&self, input: &Tensor) -> Result<[Tensor; N]> {
        let mut outputs = Vec::with_capacity(N);
        match &self.0 {
            Group::Apart(layers) => {
                for layer in layers {
                    outputs.push(layer.forward(input)?);
                }
            }
            Group::Together { linear, output } => {
                let all = linear.forward(input)?;
                let axis = all.rank() - 1;
                for index in 0..N {
                    outputs.push(all.narrow(axis, index * output, *output)?);
                }
            }
        }
        let incomplete = |_| NnError::Argument("a group of layers is incomplete".into());
        outputs.try_into().map_err(incomplete)
    }
}
