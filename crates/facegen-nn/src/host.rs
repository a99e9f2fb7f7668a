//! Tensors in and out of the CPU kernels, which work on slices of f32.

use std::ops::{Deref, Range};

use candle_core::{CpuStorage, DType, Device, Shape, Storage, StorageRef, Tensor};

use crate::{NnError, Result};

/// A tensor on the CPU made contiguous and f32, so that its values can be
/// borrowed. Costs nothing when it already is both.
pub(crate) fn contiguous(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_dtype(DType::F32)?.contiguous()?)
}

/// Borrows the values of a tensor that came from [`contiguous`].
pub(crate) fn values(tensor: &Tensor) -> Result<Values<'_>> {
    let (storage, layout) = tensor.storage_and_layout();
    let range = layout.contiguous_offsets().map(|(start, end)| start..end);
    match (&*storage, range) {
        (Storage::Cpu(CpuStorage::F32(_)), Some(range)) => Ok(Values { storage, range }),
        _ => Err(
            candle_core::Error::Msg("expected a contiguous f32 tensor on the cpu".into()).into(),
        ),
    }
}

/// Makes a tensor of values that a kernel computed, rounded to `dtype`.
pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
    let shape: Shape = shape.into();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?)
}

/// Copies the values of a tensor out, as f32.
pub(crate) fn to_vec(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// Checks the last axis of a kernel's input: kernels take the shape on trust.
pub(crate) fn expect_width(input: &Tensor, width: usize) -> Result<()> {
    match input.dims().last() {
        Some(&last) if last == width => Ok(()),
        _ => Err(NnError::Argument(format!(
            "expected {width} values a row, found shape {:?}",
            input.dims()
        ))),
    }
}

/// Makes an operand that has to have `shape` ready for a kernel.
pub(crate) fn of_shape(operand: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if operand.dims() != shape {
        let found = operand.dims();
        return Err(NnError::Argument(format!(
            "expected an operand of shape {shape:?}, found {found:?}"
        )));
    }
    contiguous(operand)
}

/// The borrowed values of a tensor.
pub(crate) struct Values<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            // `values` admits nothing else.
            Storage::Cpu(_) | Storage::Cuda(_) | Storage::Metal(_) => &[],
        }
    }
}
