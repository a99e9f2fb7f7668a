use candle_core::{DType, Device};

use crate::kernels::{HalfKernel, isa::Isa};
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

    /// The same in f32, for a small part of a model whose rounding would be seen
    /// in all that follows: where bf16 is computed by this crate's kernels. A GPU
    /// computes it as the reference does, in the dtype of the model.
    #[must_use]
    pub fn widened(&self) -> Self {
        let dtype = if self.is_native_half() {
            DType::F32
        } else {
            self.dtype
        };
        Self {
            dtype,
            ..self.clone()
        }
    }

    /// What multiplies matrices, in a few words.
    #[must_use]
    pub fn kernel(&self) -> &'static str {
        match self.layout {
            Layout::Nchw => "candle",
            Layout::Nhwc if self.is_native_half() => HalfKernel::best().name(),
            Layout::Nhwc => Isa::best().name(),
        }
    }

    /// Whether this machine would compute f32 at least as fast, and more exactly:
    /// half precision on a CPU that has no fast instructions for it.
    #[must_use]
    pub fn gains_nothing(&self) -> bool {
        let is_fast = self.dtype == DType::BF16 && HalfKernel::best().is_fast();
        self.is_native() && self.dtype != DType::F32 && !is_fast
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_said_to_gain_nothing_where_it_is_not_fast() {
        let on_cpu = |dtype| Compute::new(Device::Cpu, dtype);
        assert!(!on_cpu(DType::F32).gains_nothing());
        assert!(on_cpu(DType::F16).gains_nothing());
        let (half, best) = (on_cpu(DType::BF16), HalfKernel::best());
        assert_eq!(half.gains_nothing(), !best.is_fast());
        assert_eq!(half.kernel(), best.name());
        assert_eq!(on_cpu(DType::F32).kernel(), Isa::best().name());
        let candle = half.with_layout(Layout::Nchw).unwrap();
        assert_eq!((candle.kernel(), candle.gains_nothing()), ("candle", false));
    }

    #[test]
    fn only_bf16_of_the_kernels_is_widened() {
        let half = Compute::new(Device::Cpu, DType::BF16);
        assert_eq!(half.widened().dtype(), DType::F32);
        let candle = half.with_layout(Layout::Nchw).unwrap();
        assert_eq!(candle.widened().dtype(), DType::BF16);
        let half = Compute::new(Device::Cpu, DType::F16);
        assert_eq!(half.widened().dtype(), DType::F16);
    }
}
