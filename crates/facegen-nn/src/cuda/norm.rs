#![expect(unsafe_code, reason = "launches kernels")]

use candle_core::{DType, Tensor, bail};

use super::Result;
use super::gpu::Gpu;
use super::launch::{Argument, Launch};
use super::tensors::{bytes, contiguous_pointer, filled, kernel, scratch};

/// Threads of a block of the group norm, at most.
const THREADS: usize = 512;
/// Groups that a block has shared memory for, `MAX_GROUPS` of `cuda/group_norm.cu`.
const MAX_GROUPS: usize = 64;
/// Pixels from which an image is large enough for many parts: each block of the second kernel
/// reads the statistics of all of them.
const LARGE: usize = 1 << 14;
/// Pixels of a part, at least.
const MIN_PIXELS: usize = 16;
/// Warps, and rows, of a block of the layer norm.
const ROWS: usize = 4;

/// The learned scale and shift of a norm, in its dtype, with its epsilon.
#[derive(Debug)]
pub(crate) struct Affine<'a> {
    pub(crate) scale: &'a Tensor,
    pub(crate) shift: &'a Tensor,
    pub(crate) eps: f64,
}

/// How the blocks of both kernels of a group norm share an image.
struct Blocks {
    batch: usize,
    pixels: usize,
    channels: usize,
    groups: usize,
    /// Pixels of a block.
    part: usize,
    parts: usize,
    /// Values that a thread reads at once.
    vector: usize,
    /// Pixels that the threads of a block read at once: each keeps its channels.
    at_once: usize,
}

impl Blocks {
    fn new(input: &Tensor, groups: usize) -> Result<Self> {
        let (batch, height, width, channels) = input.dims4()?;
        let (pixels, vector) = (height * width, vector(channels));
        let lanes = channels / vector;
        if !channels.is_multiple_of(groups) || groups > MAX_GROUPS || lanes > THREADS {
            bail!("a group norm cannot make {groups} groups of {channels} channels");
        }
        let parts = if pixels > LARGE { 256 } else { 64 };
        let part = pixels.div_ceil(parts).max(MIN_PIXELS);
        Ok(Self {
            batch,
            pixels,
            channels,
            groups,
            part,
            parts: pixels.div_ceil(part),
            vector,
            at_once: (THREADS / lanes).max(1),
        })
    }

    /// Returns the names of both kernels.
    fn kernels(&self, dtype: DType) -> Result<[&'static str; 2]> {
        Ok(match self.vector {
            8 => [
                kernel(dtype, "group_norm_stats_f16", "group_norm_stats_bf16")?,
                kernel(dtype, "group_norm_apply_f16", "group_norm_apply_bf16")?,
            ],
            _ => [
                kernel(dtype, "group_norm_stats_1_f16", "group_norm_stats_1_bf16")?,
                kernel(dtype, "group_norm_apply_1_f16", "group_norm_apply_1_bf16")?,
            ],
        })
    }

    fn launch(&self, kernel: &'static str, shared: usize, bytes: usize) -> Launch {
        let threads = self.channels / self.vector * self.at_once;
        Launch {
            kernel,
            grid: [self.parts as u32, self.batch as u32, 1],
            block: threads.next_multiple_of(32) as u32,
            shared: shared as u32,
            bytes,
            operations: 0,
        }
    }

    /// Returns bytes of shared memory of the first kernel: two f32 of each channel and pixel.
    fn shared(&self) -> usize {
        8 * self.at_once * self.channels
    }

    fn sizes(&self) -> [Argument; 4] {
        [self.pixels, self.channels, self.groups, self.part].map(|size| Argument::Int(size as i32))
    }
}

/// Normalises `(batch, height, width, channels)` over the pixels and channels of each group, after
/// `per_sample` `(batch, channels)` was added, and applies silu.
pub(crate) fn group_norm(
    gpu: &Gpu,
    input: &Tensor,
    per_sample: Option<&Tensor>,
    groups: usize,
    affine: &Affine<'_>,
    silu: bool,
) -> Result<Tensor> {
    let input = input.contiguous()?;
    let blocks = Blocks::new(&input, groups)?;
    let statistics = scratch(gpu, 2 * blocks.batch * blocks.parts * groups)?;
    let per_sample = per_sample.map(Tensor::contiguous).transpose()?;
    let added = match &per_sample {
        Some(values) => contiguous_pointer(gpu, values)?,
        None => 0,
    };
    let [first, second] = blocks.kernels(input.dtype())?;
    let read = [
        contiguous_pointer(gpu, &input)?,
        added,
        statistics.address(),
    ];
    let read = read.map(Argument::Pointer);
    let launch = blocks.launch(first, blocks.shared(), bytes(&input));
    // SAFETY: the arguments are those of the kernel, the tensors alive and of these sizes.
    unsafe { gpu.launch(&launch, &[&read[..], &blocks.sizes()[..]].concat())? };
    let [scale, shift] = [affine.scale, affine.shift].map(|it| contiguous_pointer(gpu, it));
    let (scale, shift) = (scale?, shift?);
    filled(gpu, &input, input.shape(), |output| {
        let written = [scale, shift, output].map(Argument::Pointer);
        let last = [
            Argument::Float(affine.eps as f32),
            Argument::Int(i32::from(silu)),
        ];
        let arguments = [&read[..], &written[..], &blocks.sizes()[..], &last[..]].concat();
        // SAFETY: as above; the first kernel has written the statistics.
        unsafe { gpu.launch(&blocks.launch(second, 0, 2 * bytes(&input)), &arguments) }
    })
}

/// Normalises the last axis.
pub(crate) fn layer_norm(gpu: &Gpu, input: &Tensor, affine: &Affine<'_>) -> Result<Tensor> {
    let input = input.contiguous()?;
    let width = input.dims().last().copied().unwrap_or(0);
    if affine.scale.elem_count() != width || width == 0 {
        bail!("a layer norm does not fit {:?}", input.shape());
    }
    let rows = input.elem_count() / width;
    let name = match vector(width) {
        8 => kernel(input.dtype(), "layer_norm_f16", "layer_norm_bf16")?,
        _ => kernel(input.dtype(), "layer_norm_1_f16", "layer_norm_1_bf16")?,
    };
    let launch = Launch {
        kernel: name,
        grid: [rows.div_ceil(ROWS) as u32, 1, 1],
        block: 32 * ROWS as u32,
        shared: 0,
        bytes: 2 * bytes(&input),
        operations: 0,
    };
    let pointers = [&input, affine.scale, affine.shift];
    let [source, scale, shift] = pointers.map(|tensor| contiguous_pointer(gpu, tensor));
    let (source, scale, shift) = (source?, scale?, shift?);
    filled(gpu, &input, input.shape(), |output| {
        let arguments = [
            Argument::Pointer(source),
            Argument::Pointer(scale),
            Argument::Pointer(shift),
            Argument::Pointer(output),
            Argument::Int(rows as i32),
            Argument::Int(width as i32),
            Argument::Float(affine.eps as f32),
        ];
        // SAFETY: the arguments are those of the kernel, the tensors alive and of these sizes.
        unsafe { gpu.launch(&launch, &arguments) }
    })
}

/// Returns how many values a thread reads at once.
fn vector(width: usize) -> usize {
    if width.is_multiple_of(8) { 8 } else { 1 }
}
