//! YuNet (2023mar), a face detector with five landmarks.
//!
//! The network comes from OpenCV Zoo's `models/face_detection_yunet`, its
//! decoding from OpenCV's `modules/objdetect/src/face_detect.cpp`.

mod decode;

use std::path::Path;

use decode::{PREDICTIONS, StrideOutputs};
use facegen_image::{CHANNELS, RgbImage};
use rten::NodeId;
use rten_tensor::Tensor;

use crate::error::VisionError;
use crate::face::{Face, FaceDetector};
use crate::letterbox::Letterbox;
use crate::onnx::Network;
use crate::suppression::Suppression;

/// The side of the network's input, in pixels.
const CANVAS: usize = 640;
const INPUT_SHAPE: [usize; 4] = [1, CHANNELS, CANVAS, CANVAS];
/// The strides of the three grids on which the network predicts: pixels per cell.
const STRIDES: [usize; 3] = [8, 16, 32];
/// Faces below this confidence are dropped. OpenCV's class defaults to 0.9 and
/// lets the caller choose; frontal portraits score about 0.94, faces that are
/// turned, small or half covered less.
const SCORE_THRESHOLD: f32 = 0.6;
/// In one of twenty photos without a face, the retries together detect one at
/// [`SCORE_THRESHOLD`], with scores up to 0.79; a face that fills the photo
/// reaches 0.85 to 0.95 in one of them.
const RETRY_SCORE: f32 = 0.8;
/// OpenCV's defaults.
const SUPPRESSION: Suppression = Suppression {
    threshold: 0.3,
    edge: 0.0,
};

/// YuNet from an ONNX file: input `[1, 3, 640, 640]` in BGR from 0 to 255,
/// outputs `cls_S`, `obj_S`, `bbox_S` and `kps_S` for the strides 8, 16 and 32.
///
/// The input has one size. A smaller detection size scales the photo to a
/// smaller part of it, with more black around, so the network sees a smaller
/// face; a larger one is reduced to 640.
#[derive(Debug)]
pub struct YuNetDetector {
    network: Network,
    /// Stride after stride, each in the order of [`PREDICTIONS`].
    outputs: [NodeId; STRIDES.len() * PREDICTIONS.len()],
}

impl YuNetDetector {
    /// Loads the network at `path`.
    ///
    /// # Errors
    /// Fails with [`VisionError::Load`] when the file cannot be read, with
    /// [`VisionError::Interface`] when its input or outputs are not YuNet's.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, VisionError> {
        Self::new(Network::load(path.as_ref(), "YuNet face detector")?)
    }

    /// Wraps a loaded network if it is a YuNet.
    pub(crate) fn new(network: Network) -> Result<Self, VisionError> {
        network.check_input(INPUT_SHAPE)?;
        let names = STRIDES.map(|stride| PREDICTIONS.map(|name| format!("{name}_{stride}")));
        let mut outputs = [network.input(); STRIDES.len() * PREDICTIONS.len()];
        for (output, name) in outputs.iter_mut().zip(names.as_flattened()) {
            *output = network.output(name)?;
        }
        Ok(Self { network, outputs })
    }

    /// Returns whether the network has the outputs of a YuNet.
    pub(crate) fn recognises(network: &Network) -> bool {
        network.output("cls_8").is_ok()
    }

    /// Returns all candidates above the threshold, in pixels of the canvas.
    fn candidates(&self, canvas: &RgbImage) -> Result<Vec<Face>, VisionError> {
        let tensors = self
            .network
            .run(INPUT_SHAPE, input_values(canvas), self.outputs)?;
        let outputs = tensors.map(Tensor::into_data);
        let mut candidates = Vec::new();
        for (stride, outputs) in STRIDES
            .into_iter()
            .zip(outputs.chunks_exact(PREDICTIONS.len()))
        {
            let outputs = StrideOutputs::new(stride, CANVAS / stride, outputs)
                .ok_or_else(|| self.network.interface_error(wrong_grid(stride)))?;
            candidates.extend(outputs.faces(SCORE_THRESHOLD));
        }
        Ok(candidates)
    }
}

impl FaceDetector for YuNetDetector {
    fn detect_at(&self, photo: &RgbImage, size: usize) -> Result<Vec<Face>, VisionError> {
        let letterbox = Letterbox::new(photo, size.clamp(1, CANVAS), CANVAS);
        let candidates = self.candidates(&letterbox.canvas)?;
        let mut faces = SUPPRESSION.apply(candidates);
        for face in &mut faces {
            *face = letterbox.to_photo(face);
        }
        Ok(faces)
    }

    fn retry_score(&self) -> f32 {
        RETRY_SCORE
    }
}

fn wrong_grid(stride: usize) -> String {
    format!("its outputs at stride {stride} do not cover an image of {CANVAS} pixels")
}

/// Returns blue, green and red planes from 0 to 255.
fn input_values(canvas: &RgbImage) -> Vec<f32> {
    let channel = |channel| canvas.pixels().iter().skip(channel).step_by(CHANNELS);
    (0..CHANNELS)
        .rev()
        .flat_map(channel)
        .map(|&byte| f32::from(byte))
        .collect()
}
