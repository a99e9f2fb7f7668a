#![expect(unsafe_code, reason = "launches kernels")]

use candle_core::{Tensor, bail};

use super::Result;
use super::gpu::Gpu;
use super::launch::{Argument, Launch};
use super::tensors::{bytes, contiguous_pointer, filled, kernel};

/// What queries are multiplied by before the product, whose sums over a wide head could exceed the
/// range of f16. A power of two rounds nothing.
const DAMPED: f64 = 1.0 / 16.0;

/// Threads of a block, which has a row.
const THREADS: u32 = 256;

/// Attention of one head of any width: two products and a softmax, whose scores are in memory.
/// `(batch, tokens, width)` each.
pub(crate) fn wide_attention(gpu: &Gpu, operands: [&Tensor; 3]) -> Result<Tensor> {
    let [query, key, value] = operands.map(|tensor| {
        if !tensor.is_contiguous() {
            gpu.count_strided("candle copy", 2 * bytes(tensor));
        }
        tensor.contiguous()
    });
    let (query, key, value) = (query?, key?, value?);
    let width = query.dims3()?.2;
    gpu.counters().allocation();
    gpu.count("candle affine", 2 * bytes(&query), query.elem_count());
    let query = (query * DAMPED)?;
    let scores = product(gpu, &query, &key.t()?)?;
    let scale = 1.0 / DAMPED / (width as f64).sqrt();
    let weights = softmax(gpu, &scores, scale as f32)?;
    product(gpu, &weights, &value)
}

/// Multiplies two batches of matrices by candle's call of cublas.
fn product(gpu: &Gpu, left: &Tensor, right: &Tensor) -> Result<Tensor> {
    let (batch, rows, inner) = left.dims3()?;
    let columns = right.dim(2)?;
    let moved = 2 * batch * (rows * inner + inner * columns + rows * columns);
    let operations = 2 * batch * rows * inner * columns;
    gpu.counters().allocation();
    gpu.count("cublas product", moved, operations);
    if gpu.is_declared() {
        return Tensor::zeros((batch, rows, columns), left.dtype(), left.device());
    }
    left.matmul(right)
}

/// Softmax over the last axis of `scale` times the scores.
fn softmax(gpu: &Gpu, scores: &Tensor, scale: f32) -> Result<Tensor> {
    let (batch, rows, width) = scores.dims3()?;
    if width == 0 {
        bail!("there are no scores");
    }
    let launch = Launch {
        kernel: kernel(scores.dtype(), "softmax_f16", "softmax_bf16")?,
        grid: [(batch * rows) as u32, 1, 1],
        block: THREADS,
        shared: 0,
        bytes: 2 * bytes(scores),
        operations: 0,
    };
    let source = contiguous_pointer(gpu, scores)?;
    filled(gpu, scores, scores.shape(), |output| {
        let arguments = [
            Argument::Pointer(source),
            Argument::Pointer(output),
            Argument::Int(width as i32),
            Argument::Float(scale),
        ];
        // SAFETY: the arguments are those of the kernel, the tensors alive and of this size.
        unsafe { gpu.launch(&launch, &arguments) }
    })
}
