//! Classifies device failures by candle's error messages.

use candle_core::Error;
use facegen_nn::NnError;
use facegen_vision::VisionError;

use crate::EngineError;

/// The prefixes of the status names of CUDA and its libraries.
const STATUSES: [&str; 4] = [
    "CUDA_ERROR_",
    "CUBLAS_STATUS_",
    "CUDNN_STATUS_",
    "CURAND_STATUS_",
];

/// The ends of those with which a library refuses a call: the device goes on as before.
const REFUSALS: [&str; 3] = ["_NOT_SUPPORTED", "_BAD_PARAM", "_INVALID_VALUE"];

/// The class of a device failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceFault {
    /// A smaller batch may fit.
    OutOfMemory,
    /// Later work cannot be relied on: CUDA repeats an illegal address or a
    /// memory error for as long as its context lives.
    Lost,
}

impl DeviceFault {
    /// Classifies `error`, if the device caused it.
    pub(crate) fn of(error: &EngineError) -> Option<Self> {
        if is_out_of_memory(&error.to_string()) {
            return Some(Self::OutOfMemory);
        }
        if let EngineError::Model(model) | EngineError::Vision(VisionError::SafetyChecker(model)) =
            error
            && let NnError::Tensor(tensor) = model
            && is_of_device(tensor)
        {
            return Some(Self::Lost);
        }
        None
    }
}

/// cuDNN's errors are available only as text, the others keep their kind.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other variants are about shapes and files"
)]
fn is_of_device(error: &Error) -> bool {
    match error {
        Error::Cuda(_) | Error::Metal(_) => true,
        Error::Wrapped(said) => names_status(&said.to_string()),
        Error::WrappedContext { wrapped, .. } => names_status(&wrapped.to_string()),
        Error::Context { inner, .. }
        | Error::WithPath { inner, .. }
        | Error::WithBacktrace { inner, .. } => is_of_device(inner),
        _ => false,
    }
}

/// Returns whether a library says that the device failed.
fn names_status(message: &str) -> bool {
    let names = |words: &[&str]| words.iter().any(|word| message.contains(word));
    names(&STATUSES) && !names(&REFUSALS)
}

/// Recognises CUDA's `OUT_OF_MEMORY`, its libraries' failed allocations, and
/// the wording of Metal and allocators.
fn is_out_of_memory(message: &str) -> bool {
    const WAYS: [&str; 4] = [
        "out_of_memory",
        "out of memory",
        "alloc_failed",
        "allocation_failed",
    ];
    let message = message.to_lowercase();
    WAYS.iter().any(|way| message.contains(way))
}

#[cfg(test)]
mod tests {
    use facegen_core::BackendError;

    use super::*;

    /// Wraps a message of the driver or cuBLAS like candle.
    fn cuda(message: &str) -> Error {
        Error::Cuda(message.into())
    }

    /// Wraps a message of cuDNN like candle, twice.
    fn cudnn(message: &str) -> Error {
        Error::wrap(Error::wrap(message.to_owned()))
    }

    fn backend_error(error: Error) -> BackendError {
        EngineError::from(error).into()
    }

    #[test]
    fn every_message_of_a_failed_allocation_is_out_of_memory() {
        for wrap in [cuda, cudnn] {
            for status in [
                "CUDA_ERROR_OUT_OF_MEMORY",
                "CUBLAS_STATUS_ALLOC_FAILED",
                "CUDNN_STATUS_ALLOC_FAILED",
                "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            ] {
                let error = wrap(status);
                assert_eq!(backend_error(error), BackendError::OutOfMemory, "{status}");
            }
        }
    }

    #[test]
    fn any_other_device_error_loses_the_device() {
        let illegal = "DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, \"an illegal memory access\")";
        for error in [
            cuda(illegal),
            cudnn("CudnnError(CUDNN_STATUS_EXECUTION_FAILED)"),
            cuda("CublasError(CUBLAS_STATUS_EXECUTION_FAILED)"),
            cuda(illegal).context("while a step was taken"),
            Error::Metal("the command buffer failed".to_owned().into()),
        ] {
            let message = error.to_string();
            let lost = backend_error(error);
            assert_eq!(lost, BackendError::DeviceLost(message));
        }
        let checker = VisionError::SafetyChecker(cuda(illegal).into());
        let lost = EngineError::from(checker).into();
        assert!(matches!(lost, BackendError::DeviceLost(_)), "{lost:?}");
    }

    #[test]
    fn other_errors_do_not_lose_the_device() {
        let quoted = EngineError::Tokenizer("CUDA_ERROR_ILLEGAL_ADDRESS".into());
        for error in [
            EngineError::from(Error::Msg("shapes differ".into())),
            Error::wrap("CUDA is a word".to_owned()).into(),
            cudnn("CudnnError(CUDNN_STATUS_NOT_SUPPORTED_SHAPE)").into(),
            cudnn("CudnnError(CUDNN_STATUS_BAD_PARAM)").into(),
            cudnn("CublasError(CUBLAS_STATUS_NOT_SUPPORTED)").into(),
            cudnn("CublasError(CUBLAS_STATUS_INVALID_VALUE)").into(),
            quoted,
        ] {
            let failed = BackendError::from(error);
            assert!(matches!(failed, BackendError::Failed(_)), "{failed:?}");
        }
    }

    #[test]
    fn a_score_that_is_not_finite_makes_the_image_not_finite() {
        let error = EngineError::from(VisionError::SafetyScore);
        assert_eq!(BackendError::from(error), BackendError::NotFinite);
    }
}
