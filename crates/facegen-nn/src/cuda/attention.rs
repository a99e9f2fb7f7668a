#![expect(unsafe_code, reason = "launches kernels")]

use candle_core::{Tensor, bail};

use super::Result;
use super::attention_table::AttentionTable;
use super::gpu::Gpu;
use super::launch::{Argument, Launch};
use super::tensors::{bytes, filled, kernel, pointer, strides};

/// Threads of a block, `THREADS` of `cuda/attention.cu`.
const THREADS: u32 = 128;

/// The kernels for one head dimension and all below it that no other takes: a row of `instances`
/// in `cuda/attention.cu`.
struct Instance {
    head_dim: usize,
    /// Queries of a block.
    queries: usize,
    /// Bytes of shared memory of a block.
    shared: u32,
    /// For f16 and for bf16.
    attention: [&'static str; 2],
    cross: [&'static str; 2],
}

macro_rules! instance {
    ($head_dim:literal, $queries:literal, $shared:literal) => {
        Instance {
            head_dim: $head_dim,
            queries: $queries,
            shared: $shared,
            attention: [
                concat!("attention_f16_", $head_dim),
                concat!("attention_bf16_", $head_dim),
            ],
            cross: [
                concat!("cross_attention_f16_", $head_dim),
                concat!("cross_attention_bf16_", $head_dim),
            ],
        }
    };
}

const INSTANCES: [Instance; 4] = [
    instance!(40, 128, 10_240),
    instance!(64, 64, 36_864),
    instance!(80, 64, 45_056),
    instance!(160, 64, 43_008),
];

/// Returns whether the kernels take queries of this width.
pub(crate) fn attends(query: &Tensor, heads: usize) -> bool {
    instance(query, heads).is_some()
}

fn instance(query: &Tensor, heads: usize) -> Option<&'static Instance> {
    let width = query.dims().last().copied().unwrap_or(0);
    let head_dim = width / heads.max(1);
    let fits = width.is_multiple_of(heads.max(1)) && head_dim.is_multiple_of(8);
    let first = INSTANCES
        .iter()
        .find(|instance| head_dim <= instance.head_dim);
    first.filter(|_| fits && head_dim > 0)
}

/// What both kinds of attention are launched with.
struct Queries {
    instance: &'static Instance,
    grid: [u32; 3],
    address: u64,
    batch_stride: i64,
    row_stride: i32,
    tokens: i32,
    head_dim: usize,
}

impl Queries {
    fn new(gpu: &Gpu, query: &Tensor, heads: usize) -> Result<Self> {
        let (batch, tokens, width) = query.dims3()?;
        let Some(instance) = instance(query, heads) else {
            bail!(
                "no attention kernel takes {heads} heads of {:?}",
                query.shape()
            )
        };
        let (batch_stride, row_stride) = strides(query)?;
        Ok(Self {
            instance,
            grid: [
                tokens.div_ceil(instance.queries) as u32,
                heads as u32,
                batch as u32,
            ],
            address: pointer(gpu, query)?,
            batch_stride: batch_stride as i64,
            row_stride: row_stride as i32,
            tokens: tokens as i32,
            head_dim: width / heads,
        })
    }

    fn scale(&self) -> Argument {
        Argument::Float((1.0 / (self.head_dim as f64).sqrt()) as f32)
    }

    /// Describes the launch; `keys` are those of all rows together.
    fn launch(&self, kernel: &'static str, bytes: usize, keys: usize) -> Launch {
        let width = self.grid[1] as usize * self.head_dim;
        Launch {
            kernel,
            grid: self.grid,
            block: THREADS,
            shared: self.instance.shared,
            bytes,
            operations: 4 * self.tokens as usize * keys * width,
        }
    }
}

/// Attends from `query` `(batch, queries, heads * head_dim)` to `key` and `value`; all three may be
/// views of one tensor.
pub(crate) fn attention(
    gpu: &Gpu,
    [query, key, value]: [&Tensor; 3],
    heads: usize,
    causal: bool,
) -> Result<Tensor> {
    let queries = Queries::new(gpu, query, heads)?;
    let (batch_stride, row_stride) = strides(key)?;
    if strides(value)? != (batch_stride, row_stride) || value.dims() != key.dims() {
        bail!(
            "keys {:?} and values {:?} differ",
            key.layout(),
            value.layout()
        );
    }
    let [half, bfloat] = queries.instance.attention;
    let name = kernel(query.dtype(), half, bfloat)?;
    let (key_at, value_at) = (pointer(gpu, key)?, pointer(gpu, value)?);
    let (batch, keys, _) = key.dims3()?;
    let moved = 2 * bytes(query) + bytes(key) + bytes(value);
    let launch = queries.launch(name, moved, batch * keys);
    filled(gpu, query, query.shape(), |output| {
        let arguments = [
            Argument::Pointer(queries.address),
            Argument::Pointer(key_at),
            Argument::Pointer(value_at),
            Argument::Pointer(output),
            Argument::Long(queries.batch_stride),
            Argument::Long(batch_stride as i64),
            Argument::Int(queries.row_stride),
            Argument::Int(row_stride as i32),
            Argument::Int(queries.tokens),
            Argument::Int(keys as i32),
            Argument::Int(queries.head_dim as i32),
            queries.scale(),
            Argument::Int(i32::from(causal)),
        ];
        // SAFETY: the arguments are those of the kernel, the tensors alive and of these strides.
        unsafe { gpu.launch(&launch, &arguments) }
    })
}

/// Attends from each row of `query` to what the table has for the row in a layer.
pub(crate) fn decoupled_attention(
    gpu: &Gpu,
    query: &Tensor,
    heads: usize,
    table: &AttentionTable,
    layer: usize,
) -> Result<Tensor> {
    let queries = Queries::new(gpu, query, heads)?;
    let Some((rows, tokens)) = table.layer(layer, query.dims()[0]) else {
        bail!(
            "{:?} does not fit the table of keys and values",
            query.shape()
        )
    };
    let [half, bfloat] = queries.instance.cross;
    let name = kernel(query.dtype(), half, bfloat)?;
    let launch = queries.launch(name, 2 * bytes(query) + tokens.bytes, tokens.count);
    filled(gpu, query, query.shape(), |output| {
        let arguments = [
            Argument::Pointer(queries.address),
            Argument::Pointer(rows),
            Argument::Pointer(output),
            Argument::Long(queries.batch_stride),
            Argument::Int(queries.row_stride),
            Argument::Int(queries.tokens),
            Argument::Int(queries.head_dim as i32),
            queries.scale(),
        ];
        // SAFETY: the arguments are those of the kernel; the query and what the table leads to are
        // alive and of these sizes.
        unsafe { gpu.launch(&launch, &arguments) }
    })
}
