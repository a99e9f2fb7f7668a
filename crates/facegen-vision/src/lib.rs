//! Finds faces in photos, crops them as the models were trained, and computes
//! their embeddings.
//!
//! | chapter | holds |
//! |---|---|
//! | [`face`] | [`Face`], [`Landmarks`] and the two ports, [`FaceDetector`] and [`FaceEmbedder`] |
//! | [`analyzer`] | [`FaceAnalyzer`]: a photo in, an identity and a crop out |
//! | [`choice`] | the choice among several faces |
//! | [`detector`] | [`load_detector`], for either kind of detector |
//! | [`scrfd`], [`yunet`] | [`ScrfdDetector`] and [`YuNetDetector`] |
//! | [`retrying`] | [`RetryingDetector`], for close-ups |
//! | [`embedder`] | [`OnnxEmbedder`], for every network with ArcFace's interface |
//! | [`alignment`] | [`norm_crop`], the crop for the recogniser and CLIP |
//! | [`square_crop()`] | the crop for adapters without a recogniser |
//! | [`bilinear`], [`bicubic`], [`warp`] | resampling like OpenCV and Pillow |
//! | [`clip`] | the input of CLIP's image encoder |
//! | [`safety`] | [`SafetyChecker`], and the replacement of unsafe images |
//! | [`embedding`] | normalisation and cosine similarity |
//!
//! The numbers follow insightface, OpenCV 4.10, Pillow and transformers to the
//! byte where possible, because the networks were trained with them.

pub mod alignment;
pub mod analyzer;
pub mod bicubic;
pub mod bilinear;
pub mod choice;
pub mod clip;
pub mod detector;
pub mod embedder;
pub mod embedding;
pub mod error;
pub mod face;
mod letterbox;
mod onnx;
#[cfg(test)]
mod properties;
pub mod retrying;
pub mod safety;
pub mod scrfd;
pub mod square_crop;
mod suppression;
mod umeyama;
pub mod warp;
pub mod yunet;

pub use alignment::{align_to_template, norm_crop};
pub use analyzer::{FaceAnalysis, FaceAnalyzer};
pub use bicubic::{resize_and_center_crop, resize_bicubic};
pub use bilinear::resize_bilinear;
pub use clip::clip_pixel_values;
pub use detector::load_detector;
pub use embedder::OnnxEmbedder;
pub use embedding::cosine_similarity;
pub use error::VisionError;
pub use face::{Face, FaceDetector, FaceEmbedder, Landmarks};
pub use retrying::RetryingDetector;
pub use safety::{SafetyChecker, SafetyCheckerConfig, redact};
pub use scrfd::ScrfdDetector;
pub use square_crop::square_crop;
pub use warp::warp_affine;
pub use yunet::YuNetDetector;
