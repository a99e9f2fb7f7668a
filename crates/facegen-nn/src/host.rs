//! Tensors in and out of the CPU kernels, which work on slices of f32 or bf16.

use std::marker::PhantomData;
use std::ops::{Deref, Range};

use candle_core::{DType, Device, Shape, Storage, StorageRef, Tensor, WithDType};
use half::bf16;

use crate::kernels::Element;
use crate::{NnError, Result};

/// A dtype that both kernels and tensors have.
pub(crate) trait HostElement: Element + WithDType {}

impl HostElement for f32 {}
impl HostElement for bf16 {}

/// Makes a tensor contiguous on the CPU in the kernel's dtype, so that its
/// values can be borrowed. Free when it already is.
pub(crate) fn contiguous<E: HostElement>(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_dtype(E::DTYPE)?.contiguous()?)
}

/// Borrows the values of a tensor that came from [`contiguous`].
pub(crate) fn values<E: HostElement>(tensor: &Tensor) -> Result<Values<'_, E>> {
    let (storage, layout) = tensor.storage_and_layout();
    let range = layout.contiguous_offsets().map(|(start, end)| start..end);
    match (&*storage, range) {
        (Storage::Cpu(cpu), Some(range)) => {
            E::cpu_storage_as_slice(cpu)?;
            Ok(Values {
                storage,
                range,
                element: PhantomData,
            })
        }
        _ => Err(candle_core::Error::Msg("expected a contiguous tensor on the cpu".into()).into()),
    }
}

/// Makes a tensor of a kernel's result, rounded to `dtype`.
pub(crate) fn tensor<E: HostElement>(
    values: Vec<E>,
    shape: impl Into<Shape>,
    dtype: DType,
) -> Result<Tensor> {
    let shape: Shape = shape.into();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?)
}

/// Copies the values of a tensor out, as f32.
pub(crate) fn to_vec(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// Checks the last axis of a kernel's input: kernels trust the shape.
pub(crate) fn expect_width(input: &Tensor, width: usize) -> Result<()> {
    match input.dims().last() {
        Some(&last) if last == width => Ok(()),
        _ => Err(NnError::Argument(format!(
            "expected {width} values a row, found shape {:?}",
            input.dims()
        ))),
    }
}

/// Checks that an operand has `shape` and prepares it for a kernel.
pub(crate) fn of_shape<E: HostElement>(operand: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if operand.dims() != shape {
        let found = operand.dims();
        return Err(NnError::Argument(format!(
            "expected an operand of shape {shape:?}, found {found:?}"
        )));
    }
    contiguous::<E>(operand)
}

/// The borrowed values of a tensor.
pub(crate) struct Values<'a, E> {
    storage: StorageRef<'a>,
    range: Range<usize>,
    element: PhantomData<E>,
}

impl<E: HostElement> Deref for Values<'_, E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        let values = match &*self.storage {
            Storage::Cpu(cpu) => E::cpu_storage_as_slice(cpu).ok(),
            Storage::Cuda(_) | Storage::Metal(_) => None,
        };
        // `values` accepts nothing else.
        values.map_or(&[], |values| &values[self.range.clone()])
    }
}
