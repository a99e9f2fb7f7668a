//! What the failure of a device means, told by what candle says of it.

use candle_core::Error;
use facegen_nn::NnError;
use facegen_vision::VisionError;

use crate::EngineError;

/// How the names of the statuses of CUDA and its libraries begin.
const STATUSES: [&str; 4] = [
    "CUDA_ERROR_",
    "CUBLAS_STATUS_",
    "CUDNN_STATUS_",
    "CURAND_STATUS_",
];

/// What the failure of a device means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceFault {
    /// Less at once may fit.
    OutOfMemory,
    /// What runs next cannot be trusted to work: CUDA repeats an illegal
    /// address or a broken memory for as long as its context lives.
    Lost,
}

impl DeviceFault {
    /// What `error` says of the device, if it is the device that failed.
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

/// cuDNN's errors come as text only, the others keep their kind.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else candle tells apart is a matter of shapes and files"
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

fn names_status(message: &str) -> bool {
    STATUSES.iter().any(|status| message.contains(status))
}

/// CUDA reports `OUT_OF_MEMORY`, its libraries that an allocation failed, and
/// Metal and allocators say it in words.
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

    /// As candle wraps what the driver and cuBLAS say.
    fn cuda(message: &str) -> Error {
        Error::Cuda(message.into())
    }

    /// As candle wraps what cuDNN says, twice.
    fn cudnn(message: &str) -> Error {
        Error::wrap(Error::wrap(message.to_owned()))
    }

    fn backend_error(error: Error) -> BackendError {
        EngineError::from(error).into()
    }

    #[test]
    fn an_allocation_that_fails_is_out_of_memory_whoever_says_so() {
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
    fn another_error_of_the_device_loses_it() {
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
    fn what_is_not_of_the_device_loses_nothing() {
        let quoted = EngineError::Tokenizer("CUDA_ERROR_ILLEGAL_ADDRESS".into());
        for error in [
            EngineError::from(Error::Msg("shapes differ".into())),
            Error::wrap("CUDA is a word".to_owned()).into(),
            quoted,
        ] {
            let failed = BackendError::from(error);
            assert!(matches!(failed, BackendError::Failed(_)), "{failed:?}");
        }
    }

    #[test]
    fn a_score_that_is_not_finite_is_an_image_that_is_not() {
        let error = EngineError::from(VisionError::SafetyScore);
        assert_eq!(BackendError::from(error), BackendError::NotFinite);
    }
}
