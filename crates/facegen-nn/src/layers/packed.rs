use candle_core::Tensor;
use half::bf16;

use crate::host::HostElement;
use crate::kernels::{Element, PackedMatrix, WeightShape};
use crate::{Compute, Result, Weights, host};

/// A weight packed for the CPU kernels, in the dtype that they compute in.
#[derive(Debug)]
pub(super) enum PackedWeight {
    Full(Packed<f32>),
    Half(Packed<bf16>),
}

/// A packed matrix with its bias.
#[derive(Debug)]
pub(super) struct Packed<E: Element> {
    pub(super) matrix: PackedMatrix<E>,
    pub(super) bias: Option<Vec<f32>>,
}

impl PackedWeight {
    /// Loads the tensor `weight` packed; with a bias that was loaded.
    pub(super) fn load(
        weights: &Weights,
        shape: WeightShape,
        bias: Option<&Tensor>,
        compute: &Compute,
    ) -> Result<Self> {
        Ok(if compute.is_native_half() {
            Self::Half(Packed::load(weights, shape, bias, compute)?)
        } else {
            Self::Full(Packed::load(weights, shape, bias, compute)?)
        })
    }

    /// Packs a linear weight `(output, input)`.
    pub(super) fn linear(
        weight: &Tensor,
        bias: Option<&Tensor>,
        compute: &Compute,
    ) -> Result<Self> {
        let (output, input) = weight.dims2()?;
        Ok(if compute.is_native_half() {
            let pack = |weight: &[bf16]| PackedMatrix::from_linear(weight, output, input);
            Self::Half(Packed::new(weight, bias, pack)?)
        } else {
            let pack = |weight: &[f32]| PackedMatrix::from_linear(weight, output, input);
            Self::Full(Packed::new(weight, bias, pack)?)
        })
    }
}

impl<E: HostElement> Packed<E> {
    fn load(
        weights: &Weights,
        shape: WeightShape,
        bias: Option<&Tensor>,
        compute: &Compute,
    ) -> Result<Self> {
        let round = |weight: &Tensor| Ok(weight.to_dtype(compute.dtype())?);
        Ok(Self {
            matrix: weights.packed("weight", shape, round)?,
            bias: bias.map(host::to_vec).transpose()?,
        })
    }

    fn new(
        weight: &Tensor,
        bias: Option<&Tensor>,
        pack: impl Fn(&[E]) -> PackedMatrix<E>,
    ) -> Result<Self> {
        let weight = host::contiguous::<E>(weight)?;
        Ok(Self {
            matrix: pack(&host::values(&weight)?),
            bias: bias.map(host::to_vec).transpose()?,
        })
    }
}
