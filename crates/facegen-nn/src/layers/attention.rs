use std::sync::Arc;

use candle_core::{DType, Tensor};
use candle_nn::ops::softmax_last_dim;
use half::bf16;

use crate::cuda::{self, Gpu};
use crate::host::HostElement;
use crate::kernels::{self, Attended, AttentionShape};
use crate::{Compute, NnError, Result, host};

/// Largest score matrix that the candle path materialises at once, in values.
const SCORES_AT_ONCE: usize = 1 << 26;

/// Scaled dot-product attention, `softmax(q · kᵀ / √head_dim) · v`, for each
/// head. Tiled: the whole score matrix never exists. Softmax in f32.
#[derive(Clone, Debug)]
pub struct Attention {
    heads: usize,
    causal: bool,
    path: Path,
}

/// The implementation of an attention.
#[derive(Clone, Debug)]
enum Path {
    Full,
    Half,
    Candle,
    Cuda(Arc<Gpu>),
}

/// The keys and values of the tokens of one row, both `(1, tokens, channels)`.
#[derive(Clone, Debug)]
pub struct KeyValue {
    /// The keys.
    pub key: Tensor,
    /// The values.
    pub value: Tensor,
}

/// What one row of a decoupled cross-attention reads.
#[derive(Clone, Copy, Debug)]
pub struct DecoupledRow<'a> {
    /// Of the prompt's tokens.
    pub text: &'a KeyValue,
    /// Of the image tokens, and the weight of their attention.
    pub image: Option<(&'a KeyValue, f64)>,
}

/// Where a GPU finds what the rows of every decoupled cross-attention of a
/// model read; empty elsewhere. One upload for a whole step.
#[derive(Debug)]
pub struct DecoupledTable(Option<cuda::AttentionTable>);

impl DecoupledTable {
    /// Lists the rows of each layer, in the layers' order.
    ///
    /// # Errors
    /// Fails when there are more image tokens than a kernel takes, or the upload
    /// fails.
    pub fn new<'a>(
        compute: &Compute,
        layers: impl Iterator<Item = Vec<DecoupledRow<'a>>>,
    ) -> Result<Self> {
        let table = compute
            .gpu()
            .map(|gpu| cuda::AttentionTable::new(gpu, layers));
        Ok(Self(table.transpose()?))
    }
}

impl Attention {
    /// Builds attention of `heads` heads in which every query sees every key.
    #[must_use]
    pub fn new(heads: usize, compute: &Compute) -> Self {
        Self {
            heads,
            causal: false,
            path: match compute.gpu() {
                Some(gpu) => Path::Cuda(Arc::clone(gpu)),
                None if compute.is_native_half() => Path::Half,
                None if compute.is_native() => Path::Full,
                None => Path::Candle,
            },
        }
    }

    /// Restricts query *i* to the keys 0 to *i*.
    #[must_use]
    pub fn causal(self) -> Self {
        Self {
            causal: true,
            ..self
        }
    }

    /// Attends from `query` `(batch, queries, heads * head_dim)` to `key` and
    /// `value` `(batch, keys, heads * head_dim)`; the result has the shape of
    /// `query`.
    ///
    /// # Errors
    /// Fails when the shapes do not match.
    pub fn forward(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor> {
        self.check(query, key, value)?;
        match &self.path {
            Path::Full => self.forward_native::<f32>(query, key, value),
            Path::Half => self.forward_native::<bf16>(query, key, value),
            Path::Cuda(gpu) if cuda::attends(query, self.heads) => {
                let operands = [query, key, value];
                Ok(cuda::attention(gpu, operands, self.heads, self.causal)?)
            }
            Path::Cuda(gpu) if self.heads == 1 && !self.causal => {
                Ok(cuda::wide_attention(gpu, [query, key, value])?)
            }
            Path::Candle | Path::Cuda(_) => self.forward_candle(query, key, value),
        }
    }

    /// Attends from each row of `query` to its own tokens: a decoupled
    /// cross-attention, in which the image tokens have a softmax of their own.
    /// `layer` is the position of this attention in `table`, which was made of
    /// the same `rows`.
    ///
    /// # Errors
    /// Fails when the shapes do not match.
    pub fn forward_decoupled(
        &self,
        query: &Tensor,
        rows: &[DecoupledRow<'_>],
        table: &DecoupledTable,
        layer: usize,
    ) -> Result<Tensor> {
        if let (Path::Cuda(gpu), Some(table)) = (&self.path, &table.0)
            && cuda::attends(query, self.heads)
        {
            let heads = self.heads;
            return Ok(cuda::decoupled_attention(gpu, query, heads, table, layer)?);
        }
        match self.path {
            Path::Full => self.decoupled_native::<f32>(query, rows),
            Path::Half => self.decoupled_native::<bf16>(query, rows),
            Path::Candle | Path::Cuda(_) => self.decoupled_candle(query, rows),
        }
    }

    /// Attends row by row, since their numbers of tokens differ.
    fn decoupled_candle(&self, query: &Tensor, rows: &[DecoupledRow<'_>]) -> Result<Tensor> {
        let read = |(row, tokens): (usize, &DecoupledRow<'_>)| -> Result<Tensor> {
            let query = query.narrow(0, row, 1)?;
            let attended = self.forward(&query, &tokens.text.key, &tokens.text.value)?;
            let Some((image, scale)) = tokens.image else {
                return Ok(attended);
            };
            self.check(&query, &image.key, &image.value)?;
            let image = self.forward_candle(&query, &image.key, &image.value)?;
            Ok((attended + (image * scale)?)?)
        };
        let attended: Vec<Tensor> = rows.iter().enumerate().map(read).collect::<Result<_>>()?;
        Ok(Tensor::cat(&attended, 0)?)
    }

    /// Attends to both kinds of tokens of all rows by one kernel.
    fn decoupled_native<E: HostElement>(
        &self,
        query: &Tensor,
        rows: &[DecoupledRow<'_>],
    ) -> Result<Tensor> {
        let (batch, ..) = query.dims3()?;
        if batch != rows.len() {
            return Err(NnError::Argument(format!(
                "attention of {batch} rows was given tokens for {}",
                rows.len()
            )));
        }
        let operand = |tokens: &KeyValue| -> Result<[Tensor; 2]> {
            self.check(&query.narrow(0, 0, 1)?, &tokens.key, &tokens.value)?;
            Ok([
                host::contiguous::<E>(&tokens.key)?,
                host::contiguous::<E>(&tokens.value)?,
            ])
        };
        let mut operands = Vec::new();
        for row in rows {
            let image = match row.image {
                Some((image, scale)) => Some((operand(image)?, scale as f32)),
                None => None,
            };
            operands.push((operand(row.text)?, image));
        }
        let mut values = Vec::new();
        for (text, image) in &operands {
            let image = match image {
                Some((image, scale)) => Some((borrow::<E>(image)?, *scale)),
                None => None,
            };
            values.push((borrow::<E>(text)?, image));
        }
        let samples = values.iter().map(|([key, value], image)| Attended {
            key,
            value,
            extra: image
                .as_ref()
                .map(|([key, value], scale)| (&**key, &**value, *scale)),
        });
        let samples: Vec<Attended<'_, E>> = samples.collect();
        let queries = host::contiguous::<E>(query)?;
        let shape = self.shape(query, 0)?;
        let attended = kernels::attention_to::<E>(&host::values(&queries)?, &samples, &shape);
        host::tensor(attended, query.dims(), query.dtype())
    }

    /// Describes attention from `query` to a number of keys.
    fn shape(&self, query: &Tensor, key_tokens: usize) -> Result<AttentionShape> {
        let (batch, query_tokens, width) = query.dims3()?;
        Ok(AttentionShape {
            batch,
            query_tokens,
            key_tokens,
            heads: self.heads,
            head_dim: width / self.heads,
            causal: self.causal,
        })
    }

    fn check(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<()> {
        let (batch, _, width) = query.dims3()?;
        let (key_batch, _, key_width) = key.dims3()?;
        let fits = (key_batch, key_width) == (batch, width) && key.dims() == value.dims();
        let some = query.elem_count() > 0 && key.elem_count() > 0 && self.heads > 0;
        if fits && some && width.is_multiple_of(self.heads) {
            return Ok(());
        }
        let (query, key, value) = (query.dims(), key.dims(), value.dims());
        Err(NnError::Argument(format!(
            "attention does not fit {query:?}, {key:?}, {value:?}"
        )))
    }

    fn forward_native<E: HostElement>(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
    ) -> Result<Tensor> {
        let shape = self.shape(query, key.dims()[1])?;
        let [queries, keys, values] = [query, key, value].map(host::contiguous::<E>);
        let (queries, keys, values) = (queries?, keys?, values?);
        let attended = kernels::attention::<E>(
            &host::values(&queries)?,
            &host::values(&keys)?,
            &host::values(&values)?,
            &shape,
        );
        host::tensor(attended, query.dims(), query.dtype())
    }

    fn forward_candle(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor> {
        let (batch, query_tokens, width) = query.dims3()?;
        let key_tokens = key.dims()[1];
        let split = |tensor: &Tensor| -> Result<Tensor> {
            let tokens = tensor.dims()[1];
            let heads = tensor.reshape((batch, tokens, self.heads, width / self.heads))?;
            Ok(heads.transpose(1, 2)?.contiguous()?)
        };
        let query = (split(query)? * (1.0 / ((width / self.heads) as f64).sqrt()))?;
        let (key, value) = (split(key)?.t()?.contiguous()?, split(value)?);
        let block = (SCORES_AT_ONCE / (batch * self.heads * key_tokens)).clamp(1, query_tokens);
        let mut blocks = Vec::new();
        for start in (0..query_tokens).step_by(block) {
            let rows = block.min(query_tokens - start);
            let scores = query
                .narrow(2, start, rows)?
                .contiguous()?
                .matmul(&key)?
                .to_dtype(DType::F32)?;
            let scores = if self.causal {
                mask_future(&scores, start)?
            } else {
                scores
            };
            let weights = softmax_last_dim(&scores)?.to_dtype(value.dtype())?;
            blocks.push(weights.matmul(&value)?);
        }
        let attended = Tensor::cat(&blocks, 2)?;
        Ok(attended
            .transpose(1, 2)?
            .contiguous()?
            .reshape((batch, query_tokens, width))?)
    }
}

/// Borrows the values of keys and values.
fn borrow<E: HostElement>([key, value]: &[Tensor; 2]) -> Result<[host::Values<'_, E>; 2]> {
    Ok([host::values::<E>(key)?, host::values::<E>(value)?])
}

/// Hides the keys after each query; `start` is the first query of the block.
fn mask_future(scores: &Tensor, start: usize) -> Result<Tensor> {
    let (_, _, rows, keys) = scores.dims4()?;
    let hidden = |row: usize, key: usize| {
        if key > start + row {
            f32::NEG_INFINITY
        } else {
            0.0
        }
    };
    let mask: Vec<f32> = (0..rows)
        .flat_map(|row| (0..keys).map(move |key| hidden(row, key)))
        .collect();
    Ok(scores.broadcast_add(&Tensor::from_vec(mask, (rows, keys), scores.device())?)?)
}
