use candle_core::{DType, Tensor};
use candle_nn::ops::sigmoid;
use serde::{Deserialize, Deserializer, de};

use crate::Result;

pub use crate::kernels::Activation;

impl Activation {
    /// Applies the activation to every value by candle's operations, in f32: in
    /// f16 they would round after each exponential and sum, where the reference
    /// rounds only the result.
    pub(crate) fn forward_candle(self, input: &Tensor) -> Result<Tensor> {
        let wide = input.to_dtype(DType::F32)?;
        let activated = match self {
            Self::Silu => wide.silu()?,
            Self::GeluErf => wide.gelu_erf()?,
            Self::QuickGelu => (&wide * sigmoid(&(&wide * 1.702)?)?)?,
        };
        Ok(activated.to_dtype(input.dtype())?)
    }
}

impl<'de> Deserialize<'de> for Activation {
    /// Reads the names in transformers' and diffusers' configs.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "silu" | "swish" => Ok(Self::Silu),
            "gelu" => Ok(Self::GeluErf),
            "quick_gelu" => Ok(Self::QuickGelu),
            other => Err(de::Error::custom(format!("unknown activation {other}"))),
        }
    }
}
