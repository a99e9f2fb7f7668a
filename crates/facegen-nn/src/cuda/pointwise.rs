#![expect(unsafe_code, reason = "launches kernels")]

use candle_core::{Tensor, bail};

use super::Result;
use super::gpu::Gpu;
use super::launch::{Argument, Launch};
use super::tensors::{bytes, contiguous_pointer, filled, kernel};
use crate::kernels::Activation;

/// Threads of a block.
const THREADS: usize = 256;

fn launch(kernel: &'static str, threads: usize, bytes: usize) -> Launch {
    Launch {
        kernel,
        grid: [threads.div_ceil(THREADS) as u32, 1, 1],
        block: THREADS as u32,
        shared: 0,
        bytes,
        operations: 0,
    }
}

/// Returns how many values a thread handles: eight where rows allow it.
fn vector(width: usize) -> usize {
    if width.is_multiple_of(8) { 8 } else { 1 }
}

/// Applies an activation to every value, in f32.
pub(crate) fn activate(gpu: &Gpu, input: &Tensor, activation: Activation) -> Result<Tensor> {
    let input = input.contiguous()?;
    let name = kernel(input.dtype(), "activate_f16", "activate_bf16")?;
    let code = match activation {
        Activation::Silu => 0,
        Activation::GeluErf => 1,
        Activation::QuickGelu => 2,
    };
    let (count, source) = (input.elem_count(), contiguous_pointer(gpu, &input)?);
    filled(gpu, &input, input.shape(), |output| {
        let arguments = [
            Argument::Pointer(source),
            Argument::Pointer(output),
            Argument::Long(count as i64),
            Argument::Int(code),
        ];
        // SAFETY: the arguments are those of the kernel, the tensors alive and of this size.
        unsafe { gpu.launch(&launch(name, count, 2 * bytes(&input)), &arguments) }
    })
}

/// Computes diffusers' `GEGLU`: `(…, 2 * width)` to `(…, width)`.
pub(crate) fn geglu(gpu: &Gpu, input: &Tensor, shape: &[usize]) -> Result<Tensor> {
    let input = input.contiguous()?;
    let width = shape.last().copied().unwrap_or(0);
    let count: usize = shape.iter().product();
    if input.elem_count() != 2 * count || width == 0 {
        bail!("a gated unit cannot halve {:?}", input.shape());
    }
    let (name, vector) = match vector(width) {
        8 => (kernel(input.dtype(), "geglu_f16", "geglu_bf16")?, 8),
        _ => (kernel(input.dtype(), "geglu_1_f16", "geglu_1_bf16")?, 1),
    };
    let source = contiguous_pointer(gpu, &input)?;
    filled(gpu, &input, shape, |output| {
        let arguments = [
            Argument::Pointer(source),
            Argument::Pointer(output),
            Argument::Long((count / vector) as i64),
            Argument::Int((width / vector) as i32),
        ];
        let launch = launch(name, count / vector, bytes(&input) / 2 * 3);
        // SAFETY: the arguments are those of the kernel, the tensors alive and of these sizes.
        unsafe { gpu.launch(&launch, &arguments) }
    })
}

/// Resizes `(batch, height, width, channels)`, taking the nearest pixel.
pub(crate) fn upsample_nearest(
    gpu: &Gpu,
    input: &Tensor,
    height: usize,
    width: usize,
) -> Result<Tensor> {
    let input = input.contiguous()?;
    let (batch, rows, columns, channels) = input.dims4()?;
    let (name, vector) = match vector(channels) {
        8 => (kernel(input.dtype(), "upsample_f16", "upsample_bf16")?, 8),
        _ => (
            kernel(input.dtype(), "upsample_1_f16", "upsample_1_bf16")?,
            1,
        ),
    };
    let (shape, source) = (
        [batch, height, width, channels],
        contiguous_pointer(gpu, &input)?,
    );
    let count = shape.iter().product::<usize>() / vector;
    filled(gpu, &input, &shape[..], |output| {
        let sizes = [rows, columns, height, width, channels / vector];
        let sizes = sizes.map(|size| Argument::Int(size as i32));
        let pointers = [
            Argument::Pointer(source),
            Argument::Pointer(output),
            Argument::Long(count as i64),
        ];
        let launch = launch(name, count, bytes(&input) + 2 * count * vector);
        // SAFETY: the arguments are those of the kernel, the tensors alive and of these sizes.
        unsafe { gpu.launch(&launch, &[&pointers[..], &sizes[..]].concat()) }
    })
}

/// Concatenates the channels of two tensors `(batch, height, width, channels)`.
pub(crate) fn concat_channels(gpu: &Gpu, first: &Tensor, second: &Tensor) -> Result<Tensor> {
    let (first, second) = (first.contiguous()?, second.contiguous()?);
    let (batch, height, width, left) = first.dims4()?;
    let (_, _, _, right) = second.dims4()?;
    if second.dims()[..3] != first.dims()[..3] || first.dtype() != second.dtype() {
        bail!(
            "channels of {:?} and {:?} do not go together",
            first.shape(),
            second.shape()
        );
    }
    let (name, vector) = match vector(left).min(vector(right)) {
        8 => (kernel(first.dtype(), "concat_f16", "concat_bf16")?, 8),
        _ => (kernel(first.dtype(), "concat_1_f16", "concat_1_bf16")?, 1),
    };
    let shape = [batch, height, width, left + right];
    let count = shape.iter().product::<usize>() / vector;
    let pointers = (
        contiguous_pointer(gpu, &first)?,
        contiguous_pointer(gpu, &second)?,
    );
    filled(gpu, &first, &shape[..], |output| {
        let arguments = [
            Argument::Pointer(pointers.0),
            Argument::Pointer(pointers.1),
            Argument::Pointer(output),
            Argument::Long(count as i64),
            Argument::Int((left / vector) as i32),
            Argument::Int((right / vector) as i32),
        ];
        let launch = launch(name, count, 2 * (bytes(&first) + bytes(&second)));
        // SAFETY: the arguments are those of the kernel, the tensors alive and of these sizes.
        unsafe { gpu.launch(&launch, &arguments) }
    })
}
