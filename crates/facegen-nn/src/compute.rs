use candle_core::{DType, Device};

use crate::{NnError, Result};

/// Order of the axes of a [`FeatureMap`](crate::FeatureMap) in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Channels first, computed by candle's operations (cuDNN on CUDA).
    Nchw,
    /// Channels last, computed by this crate's CPU kernels.
    Nhwc,
}

/// Where a model's layers are computed, in which dtype and layout.
///
/// Chosen once, before loading, because the layers pack their weights for it.
#[derive(Clone, Debug)]
pub struct Compute {
    device: Device,
    dtype: DType,
    layout: Layout,
}

impl Compute {
    /// The device's natural layout: channels last on the CPU, first elsewhere.
    #[must_use]
    pub fn new(device: Device, dtype: DType) -> Self {
        let layout = if device.is_cpu() {
            Layout::Nhwc
        } else {
            Layout::Nchw
        };
        Self {
            device,
            dtype,
            layout,
        }
    }

    /// The same device and dtype in another layout. The CPU accepts both, so
    /// that the code path of the GPUs is tested where there is none.
    ///
    /// # Errors
    /// When channels-last is asked of a device that has no kernels for it.
    pub fn with_layout(self, layout: Layout) -> Result<Self> {
        if layout == Layout::Nhwc && !self.device.is_cpu() {
            return Err(NnError::Argument("only the CPU computes in NHWC".into()));
        }
        Ok(Self { layout, ..self })
    }

    /// The device that holds weights and activations.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The dtype of weights and activations. Softmax, the statistics of norms
    /// and time embeddings are computed in f32 whatever it is.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The layout of feature maps.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Runs a model on the threads that its kernels use. A kernel that is
    /// called from elsewhere has to wake them first, hundreds of times a step.
    pub fn run<T: Send>(&self, model: impl FnOnce() -> T + Send) -> T {
        if self.is_native() {
            rayon::scope(|_| model())
        } else {
            model()
        }
    }

    /// Whether layers go through this crate's CPU kernels.
    #[must_use]
    pub(crate) fn is_native(&self) -> bool {
        self.layout == Layout::Nhwc
    }

    /// Whether those kernels are given bf16. Other dtypes than that and f32 are
    /// computed in f32 and rounded.
    #[must_use]
    pub(crate) fn is_native_half(&self) -> bool {
        self.is_native() && self.dtype == DType::BF16
    }
}
