//! Face embedders with the interface of ArcFace's published networks.

use std::path::Path;

use facegen_image::{CHANNELS, RgbImage};
use rten::NodeId;
use rten_tensor::Layout;

use crate::error::VisionError;
use crate::face::{EMBEDDER_CROP, FaceEmbedder};
use crate::onnx::Network;

/// Numbers in an embedding.
pub const EMBEDDING_LENGTH: usize = 512;
const INPUT_SHAPE: [usize; 4] = [1, CHANNELS, EMBEDDER_CROP, EMBEDDER_CROP];

/// A face embedder from an ONNX file: input `[1, 3, 112, 112]` in RGB, each
/// value `(byte − 127.5) / 127.5`, output `[1, 512]` of any length.
///
/// This is the interface of insightface's `w600k_r50` and of every network
/// trained with its `arcface_torch` recipe (insightface
/// `python-package/insightface/model_zoo/arcface_onnx.py`; commit 7fadd42).
#[derive(Debug)]
pub struct OnnxEmbedder {
    network: Network,
    output: NodeId,
}

impl OnnxEmbedder {
    /// Loads the network at `path` and runs it once on a grey crop, so that
    /// another kind of network fails here and not at the first photo.
    ///
    /// # Errors
    /// Fails with [`VisionError::Load`] when the file cannot be read, with
    /// [`VisionError::Interface`] when its input or output has another shape.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, VisionError> {
        let network = Network::load(path.as_ref(), "face embedder")?;
        network.check_input(INPUT_SHAPE)?;
        let output = network.only_output()?;
        let embedder = Self { network, output };
        embedder.run(vec![0.0; INPUT_SHAPE.iter().product()])?;
        Ok(embedder)
    }

    fn run(&self, values: Vec<f32>) -> Result<Vec<f32>, VisionError> {
        let [embedding] = self.network.run(INPUT_SHAPE, values, [self.output])?;
        if embedding.shape() != [1, EMBEDDING_LENGTH] {
            let shape = embedding.shape();
            let problem = format!("its output is {shape:?} instead of [1, {EMBEDDING_LENGTH}]");
            return Err(self.network.interface_error(problem));
        }
        Ok(embedding.into_data())
    }
}

impl FaceEmbedder for OnnxEmbedder {
    fn embed(&self, crop: &RgbImage) -> Result<Vec<f32>, VisionError> {
        let (width, height) = (crop.width(), crop.height());
        if (width, height) != (EMBEDDER_CROP, EMBEDDER_CROP) {
            return Err(VisionError::EmbedderInput { width, height });
        }
        self.run(input_values(crop))
    }
}

/// Returns red, green and blue planes from -1 to 1.
fn input_values(crop: &RgbImage) -> Vec<f32> {
    let channel = |channel| crop.pixels().iter().skip(channel).step_by(CHANNELS);
    (0..CHANNELS)
        .flat_map(channel)
        .map(|&byte| (f32::from(byte) - 127.5) / 127.5)
        .collect()
}
