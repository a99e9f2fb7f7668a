#![expect(unsafe_code, reason = "calls cuDNN")]

use candle_core::cuda_backend::cudarc::cudnn::result::CudnnError;
use candle_core::cuda_backend::cudarc::cudnn::{result as dnn, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr};
use candle_core::{DType, Error};

use super::Result;
use super::conv_call::{ConvShape, Operands};
use super::device::CudaGpu;
use super::handles::Owned;

/// The only algorithm that takes a bias and a residual without an activation; in NHWC it runs on
/// the tensor cores.
const ALGORITHM: sys::cudnnConvolutionFwdAlgo_t =
    sys::cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;

/// A convolution that was prepared once for a shape.
#[derive(Debug)]
pub(super) struct Plan {
    input: Owned<sys::cudnnTensorDescriptor_t>,
    weight: Owned<sys::cudnnFilterDescriptor_t>,
    convolution: Owned<sys::cudnnConvolutionDescriptor_t>,
    bias: Owned<sys::cudnnTensorDescriptor_t>,
    identity: Owned<sys::cudnnActivationDescriptor_t>,
    output: Owned<sys::cudnnTensorDescriptor_t>,
    workspace: usize,
}

impl Plan {
    /// Prepares the convolution of a shape.
    pub(super) fn new(gpu: &CudaGpu, dtype: DType, shape: &ConvShape) -> Result<Self> {
        Self::prepare(gpu, dtype, shape).map_err(Error::wrap)
    }

    fn prepare(gpu: &CudaGpu, dtype: DType, shape: &ConvShape) -> Result<Self, CudnnError> {
        let dtype = match dtype {
            DType::BF16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
            _ => sys::cudnnDataType_t::CUDNN_DATA_HALF,
        };
        let tensor = |[batch, rows, columns, channels]: [usize; 4]| {
            let dims = [batch, channels, rows, columns].map(|size| size as i32);
            tensor_descriptor(dtype, dims)
        };
        let (input, output) = (tensor(shape.input)?, tensor(shape.output)?);
        let channels = [shape.output[3], shape.input[3]].map(|size| size as i32);
        let kernel = shape.kernel as i32;
        let weight = filter_descriptor(dtype, [channels[0], channels[1], kernel, kernel])?;
        let convolution = convolution_descriptor(shape.padding as i32, shape.stride as i32)?;
        // SAFETY: all of them are alive and set.
        let workspace = unsafe {
            dnn::get_convolution_forward_workspace_size(
                gpu.handles().dnn.raw(),
                input.raw(),
                weight.raw(),
                convolution.raw(),
                output.raw(),
                ALGORITHM,
            )?
        };
        Ok(Self {
            bias: tensor([1, 1, 1, shape.output[3]])?,
            identity: identity()?,
            input,
            weight,
            convolution,
            output,
            workspace,
        })
    }

    /// Launches it.
    pub(super) fn run(&self, gpu: &CudaGpu, operands: &Operands) -> Result<()> {
        let (alpha, beta) = (
            1_f32,
            if operands.residual.is_some() {
                1_f32
            } else {
                0.0
            },
        );
        let (mut workspace, mut size) = gpu.workspace();
        let larger = self.larger_workspace(gpu, size)?;
        if let Some(larger) = &larger {
            (workspace, size) = (larger.device_ptr(gpu.stream()).0, self.workspace);
        }
        // SAFETY: the descriptors describe the memory that the pointers lead to, all of it on this
        // device and alive; the stream orders the use of the workspace.
        let launched = unsafe {
            dnn::convolution_bias_activation_forward(
                gpu.handles().dnn.raw(),
                (&raw const alpha).cast(),
                self.input.raw(),
                operands.input as *const _,
                self.weight.raw(),
                operands.weight as *const _,
                self.convolution.raw(),
                ALGORITHM,
                workspace as *mut _,
                size,
                (&raw const beta).cast(),
                self.output.raw(),
                operands.residual.unwrap_or(operands.output) as *const _,
                self.bias.raw(),
                operands.bias as *const _,
                self.identity.raw(),
                self.output.raw(),
                operands.output as *mut _,
            )
        };
        launched.map_err(Error::wrap)
    }

    /// Returns memory for this call where the scratch memory of all is too small.
    fn larger_workspace(&self, gpu: &CudaGpu, size: usize) -> Result<Option<CudaSlice<u8>>> {
        if self.workspace <= size {
            return Ok(None);
        }
        // SAFETY: cuDNN writes its scratch memory before it reads it.
        unsafe { gpu.device().alloc::<u8>(self.workspace) }.map(Some)
    }
}

fn tensor_descriptor(
    dtype: sys::cudnnDataType_t,
    dims: [i32; 4],
) -> Result<Owned<sys::cudnnTensorDescriptor_t>, CudnnError> {
    let raw = dnn::create_tensor_descriptor()?;
    let descriptor = Owned::new(raw, destroy_tensor);
    let format = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
    // SAFETY: the descriptor was just created.
    unsafe { dnn::set_tensor4d_descriptor(raw, format, dtype, dims) }?;
    Ok(descriptor)
}

fn filter_descriptor(
    dtype: sys::cudnnDataType_t,
    dims: [i32; 4],
) -> Result<Owned<sys::cudnnFilterDescriptor_t>, CudnnError> {
    let raw = dnn::create_filter_descriptor()?;
    let descriptor = Owned::new(raw, destroy_filter);
    let format = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
    // SAFETY: the descriptor was just created.
    unsafe { dnn::set_filter4d_descriptor(raw, dtype, format, dims) }?;
    Ok(descriptor)
}

/// Describes a convolution that sums in f32 on the tensor cores.
fn convolution_descriptor(
    padding: i32,
    stride: i32,
) -> Result<Owned<sys::cudnnConvolutionDescriptor_t>, CudnnError> {
    let raw = dnn::create_convolution_descriptor()?;
    let descriptor = Owned::new(raw, destroy_convolution);
    let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
    let sums = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
    // SAFETY: the descriptor was just created.
    unsafe {
        dnn::set_convolution2d_descriptor(raw, padding, padding, stride, stride, 1, 1, mode, sums)?;
        dnn::set_convolution_math_type(raw, sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH)?;
    }
    Ok(descriptor)
}

/// Describes no activation.
fn identity() -> Result<Owned<sys::cudnnActivationDescriptor_t>, CudnnError> {
    let raw = dnn::create_activation_descriptor()?;
    let descriptor = Owned::new(raw, destroy_activation);
    let mode = sys::cudnnActivationMode_t::CUDNN_ACTIVATION_IDENTITY;
    let nan = sys::cudnnNanPropagation_t::CUDNN_PROPAGATE_NAN;
    // SAFETY: the descriptor was just created.
    unsafe { dnn::set_activation_descriptor(raw, mode, nan, 0.0) }?;
    Ok(descriptor)
}

/// # Safety
/// The descriptor is alive and used no more.
unsafe fn destroy_tensor(descriptor: sys::cudnnTensorDescriptor_t) {
    // SAFETY: the caller's promise. An error leaves nothing to be done.
    let _result = unsafe { dnn::destroy_tensor_descriptor(descriptor) };
}

/// # Safety
/// The descriptor is alive and used no more.
unsafe fn destroy_filter(descriptor: sys::cudnnFilterDescriptor_t) {
    // SAFETY: the caller's promise. An error leaves nothing to be done.
    let _result = unsafe { dnn::destroy_filter_descriptor(descriptor) };
}

/// # Safety
/// The descriptor is alive and used no more.
unsafe fn destroy_convolution(descriptor: sys::cudnnConvolutionDescriptor_t) {
    // SAFETY: the caller's promise. An error leaves nothing to be done.
    let _result = unsafe { dnn::destroy_convolution_descriptor(descriptor) };
}

/// # Safety
/// The descriptor is alive and used no more.
unsafe fn destroy_activation(descriptor: sys::cudnnActivationDescriptor_t) {
    // SAFETY: the caller's promise. An error leaves nothing to be done.
    let _result = unsafe { sys::cudnnDestroyActivationDescriptor(descriptor) };
}
