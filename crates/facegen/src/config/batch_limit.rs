//! `engine.batch_limit`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The name of the choice by the device.
const AUTO: &str = "auto";

/// How many images of one size an engine denoises at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchLimit {
    /// As many as the device has memory for, and gains from.
    Auto,
    /// At most so many.
    Images(u8),
}

impl Serialize for BatchLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Images(images) => serializer.serialize_u8(*images),
        }
    }
}

impl<'de> Deserialize<'de> for BatchLimit {
    /// Reads `auto` or a number: at least 1, and no more than any engine can
    /// use, which would be a typing error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Value {
            Number(i64),
            Text(String),
        }
        let refused = || de::Error::custom("expected auto or a number from 1 to 64");
        match Value::deserialize(deserializer).map_err(|_| refused())? {
            Value::Number(number @ 1..=64) => Ok(Self::Images(number as u8)),
            Value::Text(text) if text == AUTO => Ok(Self::Auto),
            Value::Number(_) | Value::Text(_) => Err(refused()),
        }
    }
}
