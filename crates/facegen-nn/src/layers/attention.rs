use candle_core::{D, DType, Tensor};
use candle_nn::ops::softmax;

use crate::kernels::{self, AttentionShape};
use crate::{Compute, NnError, Result, host};

/// Largest score matrix that the candle path materialises at once, in values.
const SCORES_AT_ONCE: usize = 1 << 26;

/// Scaled dot-product attention, `softmax(q · kᵀ / √head_dim) · v`, for each
/// head. Tiled: the whole score matrix never exists. Softmax in f32.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    heads: usize,
    causal: bool,
    native: bool,
}

impl Attention {
    /// Attention of `heads` heads in which every query sees every key.
    #[must_use]
    pub fn new(heads: usize, compute: &Compute) -> Self {
        Self {
            heads,
            causal: false,
            native: compute.is_native(),
        }
    }

    /// Query *i* sees keys 0 to *i* only.
    #[must_use]
    pub fn causal(self) -> Self {
        Self {
            causal: true,
            ..self
        }
    }

    /// `query` `(batch, queries, heads * head_dim)`, `key` and `value` `(batch,
    /// keys, heads * head_dim)`, to the shape of `query`.
    ///
    /// # Errors
    /// When the shapes do not fit each other.
    pub fn forward(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor> {
        self.check(query, key, value)?;
        if !self.native {
            return self.forward_candle(query, key, value);
        }
        let attended = self.forward_native(query, key, value)?;
        host::tensor(attended, query.dims(), query.dtype())
    }

    /// `onto` plus `scale` times what [`forward`](Self::forward) gives: the
    /// image branch of a decoupled cross-attention.
    ///
    /// # Errors
    /// When the shapes do not fit each other.
    pub fn forward_onto(
        &self,
        onto: &Tensor,
        scale: f64,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
    ) -> Result<Tensor> {
        self.check(query, key, value)?;
        if !self.native {
            return Ok((onto + (self.forward_candle(query, key, value)? * scale)?)?);
        }
        let mut attended = self.forward_native(query, key, value)?;
        let onto = host::of_shape(onto, query.dims())?;
        for (attended, onto) in attended.iter_mut().zip(host::values(&onto)?.iter()) {
            *attended = onto + scale as f32 * *attended;
        }
        host::tensor(attended, query.dims(), query.dtype())
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

    fn forward_native(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Vec<f32>> {
        let (batch, query_tokens, width) = query.dims3()?;
        let shape = AttentionShape {
            batch,
            query_tokens,
            key_tokens: key.dims()[1],
            heads: self.heads,
            head_dim: width / self.heads,
            causal: self.causal,
        };
        let (query, key, value) = (
            host::contiguous(query)?,
            host::contiguous(key)?,
            host::contiguous(value)?,
        );
        let mut attended = vec![0f32; query.elem_count()];
        let (query, key, value) = (
            host::values(&query)?,
            host::values(&key)?,
            host::values(&value)?,
        );
        kernels::attention(&query, &key, &value, &shape, &mut attended);
        Ok(attended)
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
            let weights = softmax(&scores, D::Minus1)?.to_dtype(value.dtype())?;
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
