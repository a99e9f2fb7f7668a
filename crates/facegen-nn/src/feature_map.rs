use candle_core::{D, DType, Tensor};
use half::bf16;

use crate::cuda;
use crate::host::HostElement;
use crate::{Compute, Layout, NnError, Result, host, kernels};

/// A batch of images or latents: `(batch, channels, height, width)` in the
/// layout that its model computes in.
///
/// The layout is private to this crate: models move between feature maps and
/// tokens with [`to_tokens`](Self::to_tokens) and
/// [`from_tokens`](Self::from_tokens), which cost nothing in NHWC.
#[derive(Clone, Debug)]
pub struct FeatureMap {
    data: Tensor,
    compute: Compute,
}

impl FeatureMap {
    /// Moves a `(batch, channels, height, width)` tensor to a model's device,
    /// dtype and layout.
    ///
    /// # Errors
    /// Fails when the tensor has another rank or cannot be moved.
    pub fn from_nchw(tensor: &Tensor, compute: &Compute) -> Result<Self> {
        tensor.dims4()?;
        let data = tensor
            .to_device(compute.device())?
            .to_dtype(compute.dtype())?;
        let data = match compute.layout() {
            Layout::Nchw => data,
            Layout::Nhwc => data.permute((0, 2, 3, 1))?,
        };
        if let Some(gpu) = compute.gpu() {
            gpu.count("candle cast", bytes(tensor) + bytes(&data), 0);
            gpu.count_strided("candle copy", 2 * bytes(&data));
        }
        Ok(Self::new(data.contiguous()?, compute))
    }

    /// Wraps a tensor that is already in the layout of `compute`.
    pub(crate) fn new(data: Tensor, compute: &Compute) -> Self {
        let compute = compute.clone();
        Self { data, compute }
    }

    /// Returns another tensor of the same layout.
    fn with(&self, data: Tensor) -> Self {
        Self::new(data, &self.compute)
    }

    /// Returns the values as a `(batch, channels, height, width)` tensor.
    ///
    /// # Errors
    /// Fails when the tensor cannot be copied.
    pub fn to_nchw(&self) -> Result<Tensor> {
        Ok(match self.layout() {
            Layout::Nchw => self.data.clone(),
            Layout::Nhwc => {
                if let Some(gpu) = self.compute.gpu() {
                    gpu.count_strided("candle copy", 2 * bytes(&self.data));
                }
                self.data.permute((0, 3, 1, 2))?.contiguous()?
            }
        })
    }

    /// Returns the pixels as `(batch, height * width, channels)`, row by row.
    ///
    /// # Errors
    /// Fails when the tensor cannot be copied.
    pub fn to_tokens(&self) -> Result<Tensor> {
        let shape = (self.batch(), self.height() * self.width(), self.channels());
        Ok(match self.layout() {
            Layout::Nchw => self.data.flatten_from(2)?.transpose(1, 2)?.contiguous()?,
            Layout::Nhwc => self.data.reshape(shape)?,
        })
    }

    /// Inverts [`to_tokens`](Self::to_tokens), with the height, width and
    /// layout of `self`.
    ///
    /// # Errors
    /// Fails when the number of tokens is not `height * width`.
    pub fn from_tokens(&self, tokens: &Tensor) -> Result<Self> {
        let (batch, count, channels) = tokens.dims3()?;
        let (height, width) = (self.height(), self.width());
        if count != height * width {
            return Err(NnError::Argument(format!(
                "{count} tokens do not fill {height}x{width} pixels"
            )));
        }
        let data = match self.layout() {
            Layout::Nchw => tokens
                .transpose(1, 2)?
                .contiguous()?
                .reshape((batch, channels, height, width))?,
            Layout::Nhwc => tokens.reshape((batch, height, width, channels))?,
        };
        Ok(self.with(data))
    }

    /// Concatenates the channels of `self` and `other`.
    ///
    /// # Errors
    /// Fails when batch, height or width differ.
    pub fn concat_channels(&self, other: &Self) -> Result<Self> {
        if let Some(gpu) = self.compute.gpu() {
            return Ok(self.with(cuda::concat_channels(gpu, &self.data, &other.data)?));
        }
        let dtypes = (self.dtype(), other.dtype());
        let fits = self.data.dims()[..3] == other.data.dims()[..3];
        match (self.layout(), dtypes) {
            (Layout::Nhwc, (DType::F32, DType::F32)) if fits => self.concat_native::<f32>(other),
            (Layout::Nhwc, (DType::BF16, DType::BF16)) if fits => self.concat_native::<bf16>(other),
            (Layout::Nhwc, _) => Ok(self.with(Tensor::cat(&[&self.data, &other.data], 3)?)),
            (Layout::Nchw, _) => Ok(self.with(Tensor::cat(&[&self.data, &other.data], 1)?)),
        }
    }

    /// Joins the channels of every pixel on all threads.
    fn concat_native<E: HostElement>(&self, other: &Self) -> Result<Self> {
        let [left, right] = [self, other].map(|map| host::contiguous::<E>(&map.data));
        let (left, right) = (left?, right?);
        let widths = (self.channels(), other.channels());
        let joined =
            kernels::concat_rows::<E>(&host::values(&left)?, &host::values(&right)?, widths);
        let (batch, height, width) = (self.batch(), self.height(), self.width());
        let shape = (batch, height, width, widths.0 + widths.1);
        Ok(self.with(host::tensor(joined, shape, self.dtype())?))
    }

    /// Resizes, taking the nearest pixel of the input.
    pub(crate) fn upsample_nearest(&self, height: usize, width: usize) -> Result<Self> {
        if let Some(gpu) = self.compute.gpu() {
            return Ok(self.with(cuda::upsample_nearest(gpu, &self.data, height, width)?));
        }
        let data = match self.layout() {
            Layout::Nchw => self.data.upsample_nearest2d(height, width)?,
            Layout::Nhwc => {
                let nearest = |size: usize, from: usize| -> Result<Tensor> {
                    let indices: Vec<u32> = (0..size)
                        .map(|index| (index * from / size) as u32)
                        .collect();
                    Ok(Tensor::new(indices, self.data.device())?)
                };
                let rows = self
                    .data
                    .index_select(&nearest(height, self.height())?, 1)?;
                rows.index_select(&nearest(width, self.width())?, 2)?
            }
        };
        Ok(self.with(data))
    }

    /// Selects samples by index, in the given order; an index may repeat.
    ///
    /// # Errors
    /// Fails when an index is out of range.
    pub fn select_samples(&self, samples: &Tensor) -> Result<Self> {
        Ok(self.with(select_rows(&self.data, samples, &self.compute)?))
    }

    /// Returns the number of images in the batch.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.data.dims()[0]
    }

    /// Returns the number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.axis(1, 3)
    }

    /// Returns the height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.axis(2, 1)
    }

    /// Returns the width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.axis(3, 2)
    }

    /// Returns the dtype of the values.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    pub(crate) fn layout(&self) -> Layout {
        self.compute.layout()
    }

    pub(crate) fn data(&self) -> &Tensor {
        &self.data
    }

    /// Adds a `(batch, channels)` tensor to every pixel.
    pub(crate) fn add_per_sample(&self, values: &Tensor) -> Result<Tensor> {
        let values = match self.layout() {
            Layout::Nchw => values.unsqueeze(D::Minus1)?.unsqueeze(D::Minus1)?,
            Layout::Nhwc => values.unsqueeze(1)?.unsqueeze(1)?,
        };
        Ok(self.data.broadcast_add(&values)?)
    }

    fn axis(&self, nchw: usize, nhwc: usize) -> usize {
        self.data.dims()[match self.layout() {
            Layout::Nchw => nchw,
            Layout::Nhwc => nhwc,
        }]
    }
}

/// Selects entries of the first axis by index; an index may repeat.
///
/// # Errors
/// Fails when an index is out of range.
pub fn select_rows(tensor: &Tensor, indices: &Tensor, compute: &Compute) -> Result<Tensor> {
    let selected = tensor.index_select(indices, 0)?;
    if let Some(gpu) = compute.gpu() {
        gpu.count_strided("candle select", bytes(tensor) + bytes(&selected));
    }
    Ok(selected)
}

fn bytes(tensor: &Tensor) -> usize {
    tensor.elem_count() * tensor.dtype().size_in_bytes()
}
