use candle_core::Tensor;
use candle_nn::ops::sigmoid;
use serde::{Deserialize, Deserializer, de};

use crate::kernels;
use crate::{Result, host};

pub use crate::kernels::Activation;

impl Activation {
    /// Applies the activation to every value.
    ///
    /// # Errors
    /// When the device cannot compute it.
    pub fn forward(self, input: &Tensor) -> Result<Tensor> {
        if !input.device().is_cpu() {
            return self.forward_candle(input);
        }
        let mut values = input
            .to_dtype(candle_core::DType::F32)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        match self {
            Self::Silu => kernels::silu(&mut values),
            Self::GeluErf => kernels::gelu_erf(&mut values),
            Self::QuickGelu => kernels::quick_gelu(&mut values),
        }
        host::tensor(values, input.dims(), input.dtype())
    }

    pub(crate) fn forward_candle(self, input: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Silu => input.silu()?,
            Self::GeluErf => input.gelu_erf()?,
            Self::QuickGelu => (input * sigmoid(&(input * 1.702)?)?)?,
        })
    }
}

impl<'de> Deserialize<'de> for Activation {
    /// The names of transformers' and diffusers' configs.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "silu" | "swish" => Ok(Self::Silu),
            "gelu" => Ok(Self::GeluErf),
            "quick_gelu" => Ok(Self::QuickGelu),
            other => Err(de::Error::custom(format!("unknown activation {other}"))),
        }
    }
}
