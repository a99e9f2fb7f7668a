use candle_core::{D, Tensor};
use half::bf16;

use super::Activation;
use crate::cuda;
use crate::host::HostElement;
use crate::kernels;
use crate::{Compute, NnError, Result, host};

/// Computes diffusers' `GEGLU`, a gated linear unit: the first half of each row
/// times the erf gelu of the second.
///
/// `(…, 2 * width)` to `(…, width)`.
///
/// # Errors
/// Fails when the last axis is odd.
pub fn geglu(input: &Tensor, compute: &Compute) -> Result<Tensor> {
    let mut shape = input.dims().to_vec();
    let Some(width) = shape
        .last()
        .filter(|width| width.is_multiple_of(2))
        .map(|width| width / 2)
    else {
        return Err(NnError::Argument(format!(
            "a gated unit cannot halve shape {shape:?}"
        )));
    };
    if let Some(gpu) = compute.gpu() {
        if let Some(last) = shape.last_mut() {
            *last = width;
        }
        return Ok(cuda::geglu(gpu, input, &shape)?);
    }
    if !compute.is_native() {
        let hidden = input.narrow(D::Minus1, 0, width)?;
        let gate = input.narrow(D::Minus1, width, width)?.contiguous()?;
        return Ok((hidden * Activation::GeluErf.forward_candle(&gate)?)?);
    }
    if let Some(last) = shape.last_mut() {
        *last = width;
    }
    if compute.is_native_half() {
        geglu_native::<bf16>(input, shape, width)
    } else {
        geglu_native::<f32>(input, shape, width)
    }
}

fn geglu_native<E: HostElement>(input: &Tensor, shape: Vec<usize>, width: usize) -> Result<Tensor> {
    let values = host::contiguous::<E>(input)?;
    let output = kernels::geglu::<E>(&host::values(&values)?, width);
    host::tensor(output, shape, input.dtype())
}
