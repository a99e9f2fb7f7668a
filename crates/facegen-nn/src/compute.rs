use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::cuda::{Gpu, Ledger, Work};
use crate::kernels::{HalfKernel, isa::Isa};
use crate::{NnError, Result};

/// Order of the axes of a [`FeatureMap`](crate::FeatureMap) in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Channels first, computed by candle's operations (cuDNN on CUDA).
    Nchw,
    /// Channels last, computed by this crate's kernels for CPUs and NVIDIA GPUs.
    Nhwc,
}

/// The device, dtype and layout that a model is computed in.
///
/// Chosen once, before loading, because the layers pack their weights for it.
#[derive(Clone, Debug)]
pub struct Compute {
    device: Device,
    dtype: DType,
    layout: Layout,
    /// The GPU that computes with this crate's kernels.
    gpu: Option<Arc<Gpu>>,
}

impl Compute {
    /// Chooses this crate's kernels on the CPU, and candle's operations
    /// elsewhere.
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
            gpu: None,
        }
    }

    /// Has layers use this crate's CUDA kernels.
    pub(crate) fn with_gpu(self, gpu: Arc<Gpu>) -> Self {
        Self {
            layout: Layout::Nhwc,
            gpu: Some(gpu),
            ..self
        }
    }

    /// Computes nothing, but keeps the ledger of what a GPU would be given:
    /// results are zeros on the CPU.
    #[must_use]
    pub fn declared(dtype: DType) -> Self {
        Self::new(Device::Cpu, dtype).with_gpu(Gpu::declared())
    }

    /// Returns the same device and dtype with another layout. The CPU accepts
    /// both, so that the GPUs' code path can be tested without one.
    ///
    /// # Errors
    /// Fails when the device has no channels-last kernels.
    pub fn with_layout(self, layout: Layout) -> Result<Self> {
        if layout == Layout::Nhwc && !self.device.is_cpu() {
            return Err(NnError::Argument("only the CPU computes in NHWC".into()));
        }
        Ok(Self {
            layout,
            gpu: None,
            ..self
        })
    }

    /// Returns the device that holds weights and activations.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns the dtype of weights and activations. Softmax, the statistics of
    /// norms and time embeddings are always f32.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Returns the layout of feature maps.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Copies a tensor from the host to the device.
    ///
    /// # Errors
    /// Fails when the device does.
    pub fn upload(&self, tensor: &Tensor) -> Result<Tensor> {
        if let Some(gpu) = &self.gpu {
            gpu.count_upload();
        }
        Ok(tensor.to_device(&self.device)?)
    }

    /// Runs a model on the threads that its kernels use. Calling a kernel from
    /// elsewhere would wake them first, hundreds of times a step.
    pub fn run<T: Send>(&self, model: impl FnOnce() -> T + Send) -> T {
        if self.is_native() {
            rayon::scope(|_| model())
        } else {
            model()
        }
    }

    /// Returns the f32 version, for a small part of a model whose rounding
    /// would affect all that follows, where this crate's kernels compute bf16.
    /// A GPU computes in the model's dtype, as the reference does.
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

    /// Describes in a few words what multiplies matrices.
    #[must_use]
    pub fn kernel(&self) -> &'static str {
        match self.layout {
            Layout::Nchw => "candle",
            Layout::Nhwc if self.gpu.is_some() => "cuda",
            Layout::Nhwc if self.is_native_half() => HalfKernel::best().name(),
            Layout::Nhwc => Isa::best().name(),
        }
    }

    /// Returns whether this machine would compute f32 at least as fast, and
    /// more exactly: half precision on a CPU without fast instructions for it.
    #[must_use]
    pub fn gains_nothing(&self) -> bool {
        let is_fast = self.dtype == DType::BF16 && HalfKernel::best().is_fast();
        self.is_native() && self.dtype != DType::F32 && !is_fast
    }

    /// Returns whether layers pack their weights, so that packs serve them.
    #[must_use]
    pub fn packs_weights(&self) -> bool {
        self.is_native()
    }

    /// Returns whether layers use this crate's CPU kernels.
    #[must_use]
    pub(crate) fn is_native(&self) -> bool {
        self.layout == Layout::Nhwc && self.gpu.is_none()
    }

    /// Returns the GPU where layers use this crate's CUDA kernels.
    #[must_use]
    pub(crate) fn gpu(&self) -> Option<&Arc<Gpu>> {
        self.gpu.as_ref()
    }

    /// Returns whether layers use this crate's CUDA kernels.
    #[must_use]
    pub fn has_cuda_kernels(&self) -> bool {
        self.gpu.is_some()
    }

    /// Returns what the layers launched on the GPU so far; none where they do
    /// not use this crate's CUDA kernels.
    #[must_use]
    pub fn ledger(&self) -> Option<Ledger> {
        self.gpu.as_ref().map(|gpu| gpu.ledger())
    }

    /// Returns every launch since the last call, with how often it was made;
    /// only [`Compute::declared`] records them.
    #[must_use]
    pub fn take_launches(&self) -> Vec<(Work, u64)> {
        self.gpu
            .as_ref()
            .map_or_else(Vec::new, |gpu| gpu.take_works())
    }

    /// Returns whether those kernels get bf16. They compute any other dtype in
    /// f32 and round.
    #[must_use]
    pub(crate) fn is_native_half(&self) -> bool {
        self.is_native() && self.dtype == DType::BF16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_gains_nothing_where_it_is_not_fast() {
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
    fn only_bf16_on_the_kernels_is_widened() {
        let half = Compute::new(Device::Cpu, DType::BF16);
        assert_eq!(half.widened().dtype(), DType::F32);
        let candle = half.with_layout(Layout::Nchw).unwrap();
        assert_eq!(candle.widened().dtype(), DType::BF16);
        let half = Compute::new(Device::Cpu, DType::F16);
        assert_eq!(half.widened().dtype(), DType::F16);
    }
}
