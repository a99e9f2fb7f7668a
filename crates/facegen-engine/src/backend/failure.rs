//! Maps the engine's errors to those of the port.

use facegen_core::BackendError;
use facegen_vision::VisionError;

use crate::EngineError;
use crate::device_fault::DeviceFault;

impl From<EngineError> for BackendError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match (&error, DeviceFault::of(&error)) {
            (EngineError::Vision(VisionError::NoFace), _) => Self::NoFace,
            (EngineError::Vision(VisionError::DegenerateLandmarks), _) => {
                Self::InvalidFace(message)
            }
            (EngineError::NotFinite | EngineError::Vision(VisionError::SafetyScore), _) => {
                Self::NotFinite
            }
            (_, Some(DeviceFault::OutOfMemory)) => Self::OutOfMemory,
            (_, Some(DeviceFault::Lost)) => Self::DeviceLost(message),
            (_, None) => Self::Failed(message),
        }
    }
}
