//! The weights of a convolution that candle computes, and the dtype in which
//! its products are summed.

use candle_core::{DType, DeviceLocation, Tensor};

use crate::{Compute, Result};

/// A kernel as in the checkpoint, on the device that computes.
#[derive(Debug)]
pub(super) struct PlainWeight {
    kernel: Tensor,
    bias: Option<Tensor>,
    widened: bool,
}

impl PlainWeight {
    /// Moves both to the device; they have the dtype that is computed in.
    pub(super) fn new(kernel: &Tensor, bias: Option<Tensor>, compute: &Compute) -> Result<Self> {
        let device = compute.device();
        Ok(Self {
            kernel: kernel.to_device(device)?,
            bias: bias.map(|bias| bias.to_device(device)).transpose()?,
            widened: sums_in_half(device.location(), compute.dtype(), cfg!(feature = "cudnn")),
        })
    }

    /// Convolves a `(batch, channels, height, width)` tensor and adds the bias.
    pub(super) fn convolve(&self, input: &Tensor, padding: usize, stride: usize) -> Result<Tensor> {
        let wide = |tensor: &Tensor| match self.widened {
            true => tensor.to_dtype(DType::F32),
            false => Ok(tensor.clone()),
        };
        let mut output = wide(input)?.conv2d(&wide(&self.kernel)?, padding, stride, 1, 1)?;
        if let Some(bias) = &self.bias {
            output = output.broadcast_add(&wide(bias)?.reshape((1, (), 1, 1))?)?;
        }
        Ok(output.to_dtype(input.dtype())?)
    }
}

/// Returns whether candle would sum the products in f16. It passes cuDNN f16 as
/// the compute type, where the reference sums in f32. Casting first costs
/// little: f16 values are exact in TF32, so the tensor cores multiply the same
/// values.
fn sums_in_half(device: DeviceLocation, dtype: DType, cudnn: bool) -> bool {
    cudnn && dtype == DType::F16 && matches!(device, DeviceLocation::Cuda { .. })
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::NoiseSource;

    #[test]
    fn only_f16_on_cudnn_is_summed_in_half() {
        let (cuda, metal) = (
            DeviceLocation::Cuda { gpu_id: 1 },
            DeviceLocation::Metal { gpu_id: 0 },
        );
        assert!(sums_in_half(cuda, DType::F16, true));
        for (device, dtype, cudnn) in [
            (cuda, DType::F16, false),
            (cuda, DType::BF16, true),
            (cuda, DType::F32, true),
            (metal, DType::F16, true),
            (DeviceLocation::Cpu, DType::F16, true),
        ] {
            assert!(
                !sums_in_half(device, dtype, cudnn),
                "{device:?} {dtype:?} {cudnn}"
            );
        }
    }

    fn noise(seed: u32, shape: &[usize]) -> Tensor {
        let values = NoiseSource::new(seed).uniform(shape.iter().product());
        let values: Vec<f32> = values.into_iter().map(|value| value - 0.5).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        let tensor = tensor.to_dtype(DType::F32).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn widened_it_is_the_f32_convolution_rounded_once() {
        let half = |tensor: Tensor| tensor.to_dtype(DType::F16).unwrap();
        let input = half(noise(1, &[2, 48, 9, 7]));
        let (kernel, bias) = (half(noise(2, &[5, 48, 3, 3])), half(noise(3, &[5])));
        let weight = |widened| PlainWeight {
            kernel: kernel.clone(),
            bias: Some(bias.clone()),
            widened,
        };
        let f32 = |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap();
        let expected = f32(&input)
            .conv2d(&f32(&kernel), 1, 2, 1, 1)
            .unwrap()
            .broadcast_add(&f32(&bias).reshape((1, (), 1, 1)).unwrap())
            .unwrap();

        let widened = weight(true).convolve(&input, 1, 2).unwrap();
        assert_eq!(widened.dtype(), DType::F16);
        assert_eq!(values(&widened), values(&half(expected)));
        // Rounding before the bias shows, so the comparison can fail.
        let plain = weight(false).convolve(&input, 1, 2).unwrap();
        assert_ne!(values(&plain), values(&widened));
    }
}
