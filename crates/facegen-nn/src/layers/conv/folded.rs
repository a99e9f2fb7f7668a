//! The convolution of enlarged images on the CPU kernels.

use candle_core::Tensor;
use half::bf16;

use super::Conv2dConfig;
use crate::fold::fold;
use crate::host::HostElement;
use crate::kernels::{self, PHASES, PackedMatrix, WeightShape};
use crate::{Compute, FeatureMap, Result, Weights, host};

/// Weights of the four phases, packed in the dtype that is computed in.
#[derive(Debug)]
pub(super) enum FoldedWeight {
    Full(Folded<f32>),
    Half(Folded<bf16>),
}

#[derive(Debug)]
pub(super) struct Folded<E: HostElement> {
    phases: [PackedMatrix<E>; PHASES],
    bias: Option<Vec<f32>>,
}

impl FoldedWeight {
    /// Loads `weight` `(outputs, inputs, 3, 3)`, of which sums are packed.
    ///
    /// # Errors
    /// Fails when it is missing or has another shape.
    pub(super) fn load(
        weights: &Weights,
        config: &Conv2dConfig,
        bias: Option<&Tensor>,
        compute: &Compute,
    ) -> Result<Self> {
        let bias = bias.map(host::to_vec).transpose()?;
        let channels = (config.out_channels, config.in_channels);
        Ok(if compute.is_native_half() {
            let phases = phases(weights, channels, compute)?;
            Self::Half(Folded { phases, bias })
        } else {
            let phases = phases(weights, channels, compute)?;
            Self::Full(Folded { phases, bias })
        })
    }

    /// Enlarges twice and convolves.
    pub(super) fn forward(&self, input: &FeatureMap, compute: &Compute) -> Result<FeatureMap> {
        match self {
            Self::Full(folded) => folded.forward(input, compute),
            Self::Half(folded) => folded.forward(input, compute),
        }
    }
}

impl<E: HostElement> Folded<E> {
    fn forward(&self, input: &FeatureMap, compute: &Compute) -> Result<FeatureMap> {
        let [batch, height, width] = [input.batch(), input.height(), input.width()];
        let values = host::contiguous::<E>(input.data())?;
        let values = host::values(&values)?;
        let shape = [batch, height, width, input.channels()];
        let bias = self.bias.as_deref();
        let output = kernels::conv2d_enlarged_nhwc(&values, shape, &self.phases, bias);
        let shape = [batch, 2 * height, 2 * width, self.phases[0].columns()];
        let data = host::tensor(output, &shape[..], compute.dtype())?;
        Ok(FeatureMap::new(data, compute))
    }
}

/// Loads the weight of each phase, summed in f32 and rounded once.
fn phases<E: HostElement>(
    weights: &Weights,
    (outputs, inputs): (usize, usize),
    compute: &Compute,
) -> Result<[PackedMatrix<E>; PHASES]> {
    let mut folded = None;
    let shape = WeightShape::Conv {
        outputs,
        inputs,
        kernel: 2,
    };
    let mut phase = |row: usize, column: usize| {
        let part = format!(" of phase {row} {column}");
        weights.packed_part("weight", &part, shape, || {
            let all = match folded.take() {
                Some(folded) => folded,
                None => fold(&weights.get("weight", &[outputs, inputs, 3, 3])?)?,
            };
            let weight = all.get(row)?.get(column)?.permute((0, 3, 1, 2))?;
            folded = Some(all);
            Ok(weight.to_dtype(compute.dtype())?)
        })
    };
    Ok([phase(0, 0)?, phase(0, 1)?, phase(1, 0)?, phase(1, 1)?])
}
