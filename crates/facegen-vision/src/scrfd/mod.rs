//! SCRFD with landmarks, the face detector of insightface's packs.
//!
//! The numbers follow insightface's `model_zoo/scrfd.py` at commit 7fadd42, which
//! runs the packs' `det_10g.onnx` and every other export with nine outputs.

mod decode;

use std::path::Path;

use decode::AnchorGrid;
use facegen_image::{CHANNELS, RgbImage};
use rten::NodeId;
use rten_tensor::{Layout, Tensor};

use crate::error::VisionError;
use crate::face::{Face, FaceDetector};
use crate::letterbox::Letterbox;
use crate::onnx::Network;
use crate::suppression::Suppression;

/// The strides of the three grids on which the network predicts: pixels per cell.
const STRIDES: [usize; 3] = [8, 16, 32];
/// The sides of an input are multiples of the coarsest stride.
const COARSEST: usize = 32;
/// Numbers per anchor for each kind of prediction: score, box, landmarks.
const WIDTHS: [usize; 3] = [1, 4, 10];
const OUTPUTS: usize = STRIDES.len() * WIDTHS.len();
/// Faces below this confidence are dropped (insightface's `det_thresh`).
const SCORE_THRESHOLD: f32 = 0.5;
/// insightface's `nms_thresh`; it measures boxes in pixels of the photo,
/// including both edges.
const SUPPRESSION: Suppression = Suppression {
    threshold: 0.4,
    edge: 1.0,
};

/// SCRFD from an ONNX file: input `[1, 3, height, width]` in RGB, each value
/// `(byte − 127.5) / 128`; nine outputs of any names, in the order scores,
/// boxes, landmarks, each for the strides 8, 16 and 32.
///
/// The input is the detection size, rounded up to a multiple of 32. If the file
/// declares one size, a smaller detection size scales the photo to a part of
/// the input, and a larger one is reduced to that size.
#[derive(Debug)]
pub struct ScrfdDetector {
    network: Network,
    outputs: [NodeId; OUTPUTS],
    /// The side of the input, where it is fixed.
    fixed_side: Option<usize>,
}

impl ScrfdDetector {
    /// Loads the network at `path` and runs it once, so that another kind of
    /// network fails here and not at the first photo.
    ///
    /// # Errors
    /// Fails with [`VisionError::Load`] when the file cannot be read, with
    /// [`VisionError::Interface`] when its input or outputs are not SCRFD's.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, VisionError> {
        Self::new(Network::load(path.as_ref(), "SCRFD face detector")?)
    }

    /// Wraps a loaded network if it is an SCRFD with landmarks.
    pub(crate) fn new(network: Network) -> Result<Self, VisionError> {
        let outputs = <[NodeId; OUTPUTS]>::try_from(network.outputs()).map_err(|_| {
            let count = network.outputs().len();
            network.interface_error(format!("it has {count} outputs instead of {OUTPUTS}"))
        })?;
        let fixed_side = fixed_side(&network)?;
        let side = fixed_side.unwrap_or(COARSEST);
        network.check_input([1, CHANNELS, side, side])?;
        let detector = Self {
            network,
            outputs,
            fixed_side,
        };
        detector.candidates(&RgbImage::black(side, side))?;
        Ok(detector)
    }

    /// Returns whether the network has as many outputs as SCRFD with landmarks.
    pub(crate) fn recognises(network: &Network) -> bool {
        network.outputs().len() == OUTPUTS
    }

    /// Returns the network's raw output for a canvas of any size that it
    /// accepts, in the order of its outputs, for comparing runtimes.
    ///
    /// # Errors
    /// Fails when the network fails, or its outputs do not have SCRFD's shapes.
    pub fn predictions(&self, canvas: &RgbImage) -> Result<[Vec<f32>; OUTPUTS], VisionError> {
        let shape = [1, CHANNELS, canvas.height(), canvas.width()];
        let tensors = self
            .network
            .run(shape, input_values(canvas), self.outputs)?;
        for (index, tensor) in tensors.iter().enumerate() {
            let width = WIDTHS[index / STRIDES.len()];
            if !is_table(tensor.shape(), width) {
                let shape = tensor.shape();
                let problem =
                    format!("output {index} is {shape:?} instead of rows of {width} numbers");
                return Err(self.network.interface_error(problem));
            }
        }
        Ok(tensors.map(Tensor::into_data))
    }

    /// Returns the candidates above the threshold, in pixels of the canvas.
    fn candidates(&self, canvas: &RgbImage) -> Result<Vec<Face>, VisionError> {
        let outputs = self.predictions(canvas)?;
        let mut candidates = Vec::new();
        for (index, stride) in STRIDES.into_iter().enumerate() {
            let predictions =
                [0, 1, 2].map(|kind| outputs[index + kind * STRIDES.len()].as_slice());
            let grid = AnchorGrid::new(stride, canvas.width() / stride, predictions)
                .ok_or_else(|| self.network.interface_error(wrong_grid(stride, canvas)))?;
            candidates.extend(grid.faces(SCORE_THRESHOLD));
        }
        Ok(candidates)
    }

    /// Returns the closest available detection size, and the side of its input.
    fn sizes(&self, size: usize) -> (usize, usize) {
        match self.fixed_side {
            Some(side) => (size.clamp(1, side), side),
            None => (size.max(1), size.max(1).next_multiple_of(COARSEST)),
        }
    }
}

impl FaceDetector for ScrfdDetector {
    fn detect_at(&self, photo: &RgbImage, size: usize) -> Result<Vec<Face>, VisionError> {
        let (size, side) = self.sizes(size);
        let letterbox = Letterbox::new(photo, size, side);
        let mut candidates = self.candidates(&letterbox.canvas)?;
        for face in &mut candidates {
            *face = letterbox.to_photo(face);
        }
        Ok(SUPPRESSION.apply(candidates))
    }
}

/// Returns the side of an input that is declared with one size; it must be a
/// square that the coarsest grid covers.
fn fixed_side(network: &Network) -> Result<Option<usize>, VisionError> {
    match network.fixed_input_size() {
        None => Ok(None),
        Some([height, width]) if height == width && width > 0 && width % COARSEST == 0 => {
            Ok(Some(width))
        }
        Some([height, width]) => Err(network.interface_error(format!(
            "its input of {width}x{height} pixels is not a square with a side of a multiple of {COARSEST}"
        ))),
    }
}

/// Checks for rows of `width` numbers; some exports add a batch axis of 1.
fn is_table(shape: &[usize], width: usize) -> bool {
    matches!(*shape, [_, columns] | [1, _, columns] if columns == width)
}

fn wrong_grid(stride: usize, canvas: &RgbImage) -> String {
    let side = canvas.width();
    format!("its outputs at stride {stride} do not cover an image of {side} pixels")
}

/// Returns red, green and blue planes centred on 0.
fn input_values(canvas: &RgbImage) -> Vec<f32> {
    let channel = |channel| canvas.pixels().iter().skip(channel).step_by(CHANNELS);
    (0..CHANNELS)
        .flat_map(channel)
        .map(|&byte| (f32::from(byte) - 127.5) / 128.0)
        .collect()
}
