use candle_core::bail;

use super::Result;
use super::gpu::Gpu;
use super::tensors::{Memory, bytes, pointer, strides, upload};
use crate::layers::{DecoupledRow, KeyValue};

/// Image tokens that fit into a block, `IMAGE_TOKENS_AT_MOST` of `cuda/attention.cu`.
const IMAGE_TOKENS: usize = 64;
/// Bytes of an entry of the table, `AttentionRow` of `cuda/attention.cu`.
const ENTRY: usize = 56;

/// Where the rows of every decoupled cross-attention of a model find their keys and values.
#[derive(Debug)]
pub(crate) struct AttentionTable {
    memory: Memory,
    /// Of each layer.
    rows: usize,
    /// Of each layer.
    totals: Vec<Total>,
}

/// The keys of all rows of a layer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    pub(super) count: usize,
    /// Bytes of them and of the values.
    pub(super) bytes: usize,
}

impl AttentionTable {
    /// Uploads the rows of each layer. The keys and values have to live until the last attention
    /// that reads the table is launched.
    pub(crate) fn new<'a>(
        gpu: &Gpu,
        layers: impl Iterator<Item = Vec<DecoupledRow<'a>>>,
    ) -> Result<Self> {
        let (mut entries, mut totals, mut rows) = (Vec::new(), Vec::new(), 0);
        for layer in layers {
            rows = layer.len();
            let mut total = Total::default();
            for row in layer {
                let Total { count, bytes } = entry(gpu, &row, &mut entries)?;
                total.count += count;
                total.bytes += bytes;
            }
            totals.push(total);
        }
        Ok(Self {
            memory: upload(gpu, &entries)?,
            rows,
            totals,
        })
    }

    /// Returns the address of a layer's rows, and what their keys amount to; none if there is no
    /// such layer, or it has another number of rows.
    pub(super) fn layer(&self, layer: usize, rows: usize) -> Option<(u64, Total)> {
        let total = self.totals.get(layer).filter(|_| rows == self.rows)?;
        let address = self.memory.address() + (layer * rows * ENTRY) as u64;
        Some((address, *total))
    }
}

/// Appends an `AttentionRow` and returns what its keys amount to.
fn entry(gpu: &Gpu, row: &DecoupledRow<'_>, entries: &mut Vec<u8>) -> Result<Total> {
    let image = row.image.map(|(image, scale)| (tokens(gpu, image), scale));
    let text = tokens(gpu, row.text)?;
    let (image, scale) = match image {
        Some((image, scale)) => (image?, scale),
        None => (Tokens::default(), 0.0),
    };
    if image.count > IMAGE_TOKENS {
        bail!("{} image tokens are more than {IMAGE_TOKENS}", image.count);
    }
    let start = entries.len();
    for address in [text.key, text.value, image.key, image.value] {
        entries.extend_from_slice(&address.to_ne_bytes());
    }
    for number in [text.stride, image.stride, text.count, image.count] {
        entries.extend_from_slice(&(number as i32).to_ne_bytes());
    }
    entries.extend_from_slice(&(scale as f32).to_ne_bytes());
    entries.resize(start + ENTRY, 0);
    Ok(Total {
        count: text.count + image.count,
        bytes: text.bytes + image.bytes,
    })
}

#[derive(Default)]
struct Tokens {
    key: u64,
    value: u64,
    stride: usize,
    count: usize,
    bytes: usize,
}

fn tokens(gpu: &Gpu, tokens: &KeyValue) -> Result<Tokens> {
    let (_, stride) = strides(&tokens.key)?;
    if strides(&tokens.value)?.1 != stride || tokens.value.dims() != tokens.key.dims() {
        bail!("keys and values of a conditioning differ");
    }
    Ok(Tokens {
        key: pointer(gpu, &tokens.key)?,
        value: pointer(gpu, &tokens.value)?,
        stride,
        count: tokens.key.dims()[1],
        bytes: bytes(&tokens.key) + bytes(&tokens.value),
    })
}
