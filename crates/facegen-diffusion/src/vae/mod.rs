//! Decodes latents to images: the decoder of `AutoencoderKL`.
//!
//! Follows diffusers `models/autoencoders/autoencoder_kl.py` and `vae.py`.

mod attention;
mod config;
mod decoder;
mod model;
mod preview;

pub use config::AutoencoderKlConfig;
pub use model::{AutoencoderKl, Decode, PartialDecode};
