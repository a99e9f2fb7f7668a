#[cfg(feature = "cudnn")]
mod cuda;

use candle_core::{DType, Device, Error, Shape, Tensor};

use super::Result;
use super::gpu::Gpu;

/// Memory of the device that is freed, in the order of the stream, when it is dropped.
#[derive(Debug)]
pub(super) struct Memory {
    address: u64,
    #[cfg(feature = "cudnn")]
    _slice: Option<cuda::Slice>,
}

impl Memory {
    pub(super) fn address(&self) -> u64 {
        self.address
    }

    fn declared() -> Self {
        Self {
            address: 0,
            #[cfg(feature = "cudnn")]
            _slice: None,
        }
    }
}

/// Returns the address of a tensor's first value.
///
/// The tensor has to live until the kernel that reads it is launched; its memory is freed in the
/// order of the stream.
pub(super) fn pointer(gpu: &Gpu, tensor: &Tensor) -> Result<u64> {
    #[cfg(feature = "cudnn")]
    if let Some(gpu) = gpu.cuda() {
        return cuda::pointer(gpu, tensor);
    }
    check_dtype(tensor.dtype())?;
    debug_assert!(gpu.is_declared());
    Ok(0)
}

/// Returns the address of a tensor that has to be contiguous.
pub(super) fn contiguous_pointer(gpu: &Gpu, tensor: &Tensor) -> Result<u64> {
    if !tensor.is_contiguous() {
        let strides = tensor.stride();
        candle_core::bail!("expected a contiguous tensor, found strides {strides:?}");
    }
    pointer(gpu, tensor)
}

/// Returns the number of bytes of a tensor's values.
pub(super) fn bytes(tensor: &Tensor) -> usize {
    tensor.elem_count() * tensor.dtype().size_in_bytes()
}

/// Chooses the kernel of a dtype.
pub(super) fn kernel(
    dtype: DType,
    half: &'static str,
    bfloat: &'static str,
) -> Result<&'static str> {
    check_dtype(dtype)?;
    Ok(if dtype == DType::F16 { half } else { bfloat })
}

/// Makes a tensor of the dtype of `on` whose values `fill` launches the computation of, given
/// their address.
pub(super) fn filled(
    gpu: &Gpu,
    on: &Tensor,
    shape: impl Into<Shape>,
    fill: impl Fn(u64) -> Result<()>,
) -> Result<Tensor> {
    check_dtype(on.dtype())?;
    gpu.counters().allocation();
    #[cfg(feature = "cudnn")]
    if let Some(gpu) = gpu.cuda() {
        return cuda::filled(gpu, on, shape.into(), fill);
    }
    fill(0)?;
    Tensor::zeros(shape, on.dtype(), &Device::Cpu)
}

/// Allocates `count` f32 for one kernel to write and the next to read.
pub(super) fn scratch(gpu: &Gpu, count: usize) -> Result<Memory> {
    gpu.counters().allocation();
    #[cfg(feature = "cudnn")]
    if let Some(gpu) = gpu.cuda() {
        return cuda::scratch(gpu, count);
    }
    debug_assert!(count > 0);
    Ok(Memory::declared())
}

/// Copies bytes to the device.
pub(super) fn upload(gpu: &Gpu, values: &[u8]) -> Result<Memory> {
    gpu.count_upload();
    #[cfg(feature = "cudnn")]
    if let Some(gpu) = gpu.cuda() {
        return cuda::upload(gpu, values);
    }
    debug_assert!(!values.is_empty());
    Ok(Memory::declared())
}

fn check_dtype(dtype: DType) -> Result<()> {
    if matches!(dtype, DType::F16 | DType::BF16) {
        return Ok(());
    }
    Err(Error::Msg(format!(
        "the cuda kernels compute f16 and bf16, not {dtype:?}"
    )))
}

/// Returns the strides of the batch and of the tokens, which the kernels want in whole vectors.
pub(super) fn strides(tensor: &Tensor) -> Result<(usize, usize)> {
    let &[batch, row, 1] = tensor.stride() else {
        candle_core::bail!("attention cannot read {:?}", tensor.layout())
    };
    check_dtype(tensor.dtype())?;
    if !batch.is_multiple_of(8) || !row.is_multiple_of(8) {
        candle_core::bail!("attention cannot read {:?}", tensor.layout());
    }
    Ok((batch, row))
}
