//! Loads a face detector of either kind.

use std::path::Path;

use crate::error::VisionError;
use crate::face::FaceDetector;
use crate::onnx::Network;
use crate::scrfd::ScrfdDetector;
use crate::yunet::YuNetDetector;

/// Loads the face detector at `path`, an SCRFD or a YuNet. The network's
/// outputs identify it: YuNet's by their names, SCRFD's by their number.
///
/// # Errors
/// Fails with [`VisionError::Load`] when the file cannot be read, with
/// [`VisionError::Interface`] when the network is neither of the two.
pub fn load_detector(path: impl AsRef<Path>) -> Result<Box<dyn FaceDetector>, VisionError> {
    let network = Network::load(path.as_ref(), "face detector")?;
    if YuNetDetector::recognises(&network) {
        Ok(Box::new(YuNetDetector::new(network)?))
    } else if ScrfdDetector::recognises(&network) {
        Ok(Box::new(ScrfdDetector::new(network)?))
    } else {
        let count = network.outputs().len();
        let problem = format!("its {count} outputs are neither those of SCRFD nor of YuNet");
        Err(network.interface_error(problem))
    }
}
