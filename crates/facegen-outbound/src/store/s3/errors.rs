//! Errors for logs and callers: no name of an object, and of the service's own
//! text only its error code.

use std::error::Error as _;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_smithy_runtime_api::client::result::DispatchFailure;
use facegen_core::{BucketProblem, StorageError};

use crate::guard::GuardError;

/// Why an object could not be written.
pub(super) type PutError = SdkError<PutObjectError, HttpResponse>;

/// Why an object is not kept.
#[derive(Debug)]
pub(super) enum PutFailure {
    /// It cannot be written.
    Upload(Box<PutError>),
    /// It cannot be read at its link.
    ReadBack(GuardError),
    /// The link returns something else.
    LeadsElsewhere,
}

impl PutFailure {
    /// Returns the problem, for the owner of the bucket.
    pub(super) fn problem(&self) -> BucketProblem {
        match self {
            Self::Upload(error) => upload_problem(error),
            Self::ReadBack(error) => link_problem(error),
            Self::LeadsElsewhere => BucketProblem::LinkLeadsElsewhere,
        }
    }

    /// Returns the error, for logs.
    pub(super) fn storage_error(&self) -> StorageError {
        match self {
            Self::Upload(error) => failure("an object cannot be written", error),
            Self::ReadBack(error) => StorageError(format!("a link cannot be read: {error}")),
            Self::LeadsElsewhere => StorageError("a link leads to something else".to_owned()),
        }
    }
}

fn upload_problem(error: &PutError) -> BucketProblem {
    match error {
        SdkError::TimeoutError(_) => BucketProblem::EndpointTooSlow,
        SdkError::DispatchFailure(failure) => match guard_error(failure) {
            Some(GuardError::Refused(refusal)) => refusal.rule().map_or(
                BucketProblem::EndpointUnreachable,
                BucketProblem::EndpointRefused,
            ),
            _ if failure.is_timeout() => BucketProblem::EndpointTooSlow,
            _ => BucketProblem::EndpointUnreachable,
        },
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            refused_problem(status, refusal.err().code().filter(|code| is_code(code)))
        }
        SdkError::ConstructionFailure(_) | SdkError::ResponseError(_) | _ => {
            BucketProblem::WriteRefused {
                answer: "what no bucket does".to_owned(),
            }
        }
    }
}

/// Returns the problem that a status and a code mean.
fn refused_problem(status: u16, code: Option<&str>) -> BucketProblem {
    match code {
        Some("InvalidAccessKeyId") => BucketProblem::UnknownAccessKey,
        Some("SignatureDoesNotMatch") => BucketProblem::WrongSecret,
        Some("NoSuchBucket") => BucketProblem::NoSuchBucket,
        Some("RequestTimeTooSkewed") => BucketProblem::ClockSkewed,
        Some("AuthorizationHeaderMalformed" | "PermanentRedirect") => BucketProblem::WrongRegion,
        Some("AccessDenied") => BucketProblem::AccessDenied,
        None if status == 403 => BucketProblem::AccessDenied,
        code => BucketProblem::WriteRefused {
            answer: answer(status, code),
        },
    }
}

fn link_problem(error: &GuardError) -> BucketProblem {
    match error {
        GuardError::Refused(refusal) => refusal
            .rule()
            .map_or(BucketProblem::LinkUnreachable, BucketProblem::LinkRefused),
        GuardError::RedirectRefused(refusal) => match refusal.rule() {
            Some(rule) => BucketProblem::LinkRefused(format!("redirects to a URL that {rule}")),
            None => BucketProblem::LinkUnreachable,
        },
        GuardError::Status(status) => BucketProblem::LinkAnswers { status: *status },
        GuardError::Part => BucketProblem::LinkAnswers { status: 206 },
        GuardError::TimedOut(_) => BucketProblem::LinkTooSlow,
        GuardError::TooLong { .. } => BucketProblem::LinkLeadsElsewhere,
        GuardError::TooManyRedirects(_)
        | GuardError::Unreachable(_)
        | GuardError::BrokenOff(_)
        | GuardError::Client(_) => BucketProblem::LinkUnreachable,
    }
}

/// Returns the guard's error of a request that was not sent or not answered.
fn guard_error(failure: &DispatchFailure) -> Option<&GuardError> {
    failure.as_connector_error()?.source()?.downcast_ref()
}

/// Returns the status with which the service refused.
pub(super) fn status_of<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    Some(error.raw_response()?.status().as_u16())
}

/// Returns the failure of `action`.
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
        SdkError::DispatchFailure(failure) => match guard_error(failure) {
            Some(GuardError::Refused(refusal)) => format!("the endpoint is refused: {refusal}"),
            _ => "the bucket cannot be reached".to_owned(),
        },
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            let code = refusal.err().code().filter(|code| is_code(code));
            format!("the bucket answered {}", answer(status, code))
        }
        SdkError::ResponseError(_) => "the answer of the bucket cannot be read".to_owned(),
        _ => "the request failed".to_owned(),
    };
    StorageError(format!("{action}: {reason}"))
}

fn answer(status: u16, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

/// Returns whether this is a code such as `AccessDenied` and no other text.
fn is_code(text: &str) -> bool {
    text.len() <= 64
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric())
}
