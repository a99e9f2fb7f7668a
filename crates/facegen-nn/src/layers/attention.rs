use std::sync::Arc;

use candle_core::{DType, Tensor};
use candle_nn::ops::softmax_last_dim;
use half::bf16;

use crate::cuda::{self, Gpu};
use crate::host::HostElement;
use crate::kernels::{self, AttentionShape};
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
            Path::Full => self.forward_native::<f32>(query, key, value, None),
            Path::Half => self.forward_native::<bf16>(query, key, value, None),
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
        // Token counts differ between rows.
        let read = |(row, tokens): (usize, &DecoupledRow<'_>)| -> Result<Tensor> {
            let query = query.narrow(0, row, 1)?;
            let attended = self.forward(&query, &tokens.text.key, &tokens.text.value)?;
            match tokens.image {
                Some((image, scale)) => {
                    self.forward_onto(&attended, scale, &query, &image.key, &image.value)
                }
                None => Ok(attended),
            }
        };
        let attended: Vec<Tensor> = rows.iter().enumerate().map(read).collect::<Result<_>>()?;
        Ok(Tensor::cat(&attended, 0)?)
    }

    /// Returns `onto` plus `scale` times the result of
    /// [`forward`](Self::forward): the image branch of a decoupled
    /// cross-attention.
    fn forward_onto(
        &self,
        onto: &Tensor,
        scale: f64,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
    ) -> Result<Tensor> {
        self.check(query, key, value)?;
        match &self.path {
            Path::Full => self.forward_native::<f32>(query, key, value, Some((onto, scale))),
            Path::Half => self.forward_native::<bf16>(query, key, value, Some((onto, scale))),
            Path::Candle | Path::Cuda(_) => {
                Ok((onto + (self.forward_candle(query, key, value)? * scale)?)?)
            }
        }
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
        onto: Option<(&Tensor, f64)>,
    ) -> Result<Tensor> {
        let (batch, query_tokens, width) = query.dims3()?;
        let shape = AttentionShape {
            batch,
            query_tokens,
            key_tokens: key.dims()[1],
            heads: self.heads,
            head_dim: width / self.heads,
            causal: self.causal,
        };
        let [queries, keys, values] = [query, key, value].map(host::contiguous::<E>);
        let (queries, keys, values) = (queries?, keys?, values?);
        let mut attended = kernels::attention::<E>(
            &host::values(&queries)?,
            &host::values(&keys)?,
            &host::values(&values)?,
            &shape,
        );
        if let Some((onto, scale)) = onto {
            let onto = host::of_shape::<E>(onto, query.dims())?;
            for (attended, onto) in attended.iter_mut().zip(host::values::<E>(&onto)?.iter()) {
                *attended = E::narrow(onto.widen() + scale as f32 * attended.widen());
            }
        }
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
