use candle_core::Tensor;
use candle_nn::ops::sigmoid;
use serde::{Deserialize, Deserializer, de};

use crate::Result;

pub use crate::kernels::Activation;

impl Activation {
    /// Applies the activation to every value, by candle's operations.
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
