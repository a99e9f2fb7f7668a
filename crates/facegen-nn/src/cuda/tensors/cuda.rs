#![expect(unsafe_code, reason = "allocates memory that a kernel fills")]

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr};
use candle_core::cuda_backend::{CudaStorageSlice, WrapErr};
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, DType, Error, Layout, Shape, Storage, Tensor, bail,
};

use super::Memory;
use crate::cuda::Result;
use crate::cuda::device::CudaGpu;

/// What keeps memory alive.
#[derive(Debug)]
pub(super) enum Slice {
    Bytes { _slice: CudaSlice<u8> },
    Floats { _slice: CudaSlice<f32> },
}

pub(super) fn pointer(gpu: &CudaGpu, tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        bail!("expected a tensor on a cuda device");
    };
    let offset = layout.start_offset() * tensor.dtype().size_in_bytes();
    Ok(base(gpu, storage)? + offset as u64)
}

pub(super) fn filled(
    gpu: &CudaGpu,
    on: &Tensor,
    shape: Shape,
    fill: impl Fn(u64) -> Result<()>,
) -> Result<Tensor> {
    let dtype = on.dtype();
    on.apply_op1_no_bwd(&Filled {
        gpu,
        dtype,
        shape,
        fill,
    })
}

/// candle makes tensors of storage only for an operation on another tensor.
struct Filled<'a, F> {
    gpu: &'a CudaGpu,
    dtype: DType,
    shape: Shape,
    fill: F,
}

impl<F: Fn(u64) -> Result<()>> CustomOp1 for Filled<'_, F> {
    fn name(&self) -> &'static str {
        "filled"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("a cuda kernel was given a tensor on the cpu")
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        let storage = allocate(self.gpu, self.dtype, self.shape.elem_count())?;
        (self.fill)(base(self.gpu, &storage)?)?;
        Ok((storage, self.shape.clone()))
    }
}

/// Allocates values that are not initialised.
fn allocate(gpu: &CudaGpu, dtype: DType, count: usize) -> Result<CudaStorage> {
    let device = gpu.device();
    // SAFETY: a kernel writes all of them before anything reads them.
    let slice = unsafe {
        match dtype {
            DType::BF16 => CudaStorageSlice::BF16(device.alloc(count)?),
            _ => CudaStorageSlice::F16(device.alloc(count)?),
        }
    };
    Ok(CudaStorage {
        slice,
        device: device.clone(),
    })
}

pub(super) fn scratch(gpu: &CudaGpu, count: usize) -> Result<Memory> {
    // SAFETY: the first kernel writes all that the second reads.
    let slice = unsafe { gpu.device().alloc::<f32>(count) }?;
    let address = slice.device_ptr(gpu.stream()).0;
    Ok(Memory {
        address,
        _slice: Some(Slice::Floats { _slice: slice }),
    })
}

pub(super) fn upload(gpu: &CudaGpu, values: &[u8]) -> Result<Memory> {
    let slice = gpu.stream().clone_htod(values).w()?;
    let address = slice.device_ptr(gpu.stream()).0;
    Ok(Memory {
        address,
        _slice: Some(Slice::Bytes { _slice: slice }),
    })
}

fn base(gpu: &CudaGpu, storage: &CudaStorage) -> Result<u64> {
    let stream = gpu.stream();
    match &storage.slice {
        CudaStorageSlice::F16(slice) => Ok(slice.device_ptr(stream).0),
        CudaStorageSlice::BF16(slice) => Ok(slice.device_ptr(stream).0),
        _ => Err(Error::Msg("the cuda kernels compute f16 and bf16".into())),
    }
}
