//! What logs are told of a failure: no name of an object, and nothing that the
//! service has quoted.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use facegen_core::StorageError;

/// Why an object could not be written.
pub(super) type PutError = SdkError<PutObjectError, HttpResponse>;

/// What failed when an object could not be written.
pub(super) const UPLOAD: &str = "an object cannot be written";

/// The status with which the service refused.
pub(super) fn status_of<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    Some(error.raw_response()?.status().as_u16())
}

/// The failure of `action`.
pub(super) fn failure<E: ProvideErrorMetadata>(
    action: &str,
    error: &SdkError<E, HttpResponse>,
) -> StorageError {
    let reason = match error {
        SdkError::ConstructionFailure(_) => "the request cannot be made".to_owned(),
        SdkError::TimeoutError(_) => "the bucket did not answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            "the bucket did not answer in time".to_owned()
        }
        SdkError::DispatchFailure(_) => "the bucket cannot be reached".to_owned(),
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            match refusal.err().code().filter(|code| is_code(code)) {
                Some(code) => format!("the bucket answered {status} {code}"),
                None => format!("the bucket answered {status}"),
            }
        }
        SdkError::ResponseError(_) => "the answer of the bucket cannot be read".to_owned(),
        _ => "the request failed".to_owned(),
    };
    StorageError(format!("{action}: {reason}"))
}

/// Whether this is a code such as `AccessDenied` and no other text.
fn is_code(text: &str) -> bool {
    text.len() <= 64
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric())
}
