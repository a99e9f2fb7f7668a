//! Why a bucket cannot be used, in the words of whoever described it.

use thiserror::Error;

use crate::FieldError;

/// Why a bucket cannot be used. No text holds a URL or a secret, and none tells
/// a host that may not be reached from one that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the bucket of a key cannot be used: {}", self.field_error())]
pub enum BucketFault {
    /// The text of the endpoint says that it may not be reached.
    EndpointRefused,
    /// There is no connection to the endpoint.
    EndpointUnreachable,
    /// The endpoint takes too long.
    EndpointTooSlow,
    /// The endpoint does not know the access key.
    UnknownAccessKey,
    /// The secret is not that of the access key.
    WrongSecret,
    /// The access key may not write.
    AccessDenied,
    /// There is no such bucket.
    NoSuchBucket,
    /// The bucket is in another region.
    WrongRegion,
    /// The clock of the endpoint is another one.
    ClockSkewed,
    /// The endpoint does not take an object, for another reason.
    WriteRefused {
        /// The status and, if there is one, the code of its answer.
        answer: String,
    },
    /// The text of the link says that it may not be reached.
    LinkRefused,
    /// There is no connection to the host of the link.
    LinkUnreachable,
    /// The link takes too long.
    LinkTooSlow,
    /// The object is not at its link.
    LinkAnswers {
        /// The HTTP status that is there instead.
        status: u16,
    },
    /// Something else is at the link.
    LinkLeadsElsewhere,
}

impl BucketFault {
    /// The field that is to blame, and the sentence about it.
    #[must_use]
    pub fn field_error(&self) -> FieldError {
        let (field, rule) = match self {
            Self::EndpointRefused => ("endpoint_url", "must lead to a public address"),
            Self::EndpointUnreachable => ("endpoint_url", "cannot be reached"),
            Self::EndpointTooSlow => ("endpoint_url", "does not answer in time"),
            Self::UnknownAccessKey => ("aws_access_key_id", "is not known at endpoint_url"),
            Self::WrongSecret => (
                "aws_secret_access_key",
                "is not the secret of aws_access_key_id",
            ),
            Self::AccessDenied => (
                "aws_access_key_id",
                "may not write objects to image_directory",
            ),
            Self::NoSuchBucket => (
                "image_directory",
                "must begin with a bucket that exists, unless the host of endpoint_url is one",
            ),
            Self::WrongRegion => ("region_name", "is not the region of the bucket"),
            Self::ClockSkewed => (
                "endpoint_url",
                "refuses the time of this server, try again later",
            ),
            Self::WriteRefused { answer } => {
                let rule = format!("does not take an object, it answers {answer}");
                return FieldError::new("endpoint_url", rule);
            }
            Self::LinkRefused => ("public_url", "must lead to a public address"),
            Self::LinkUnreachable => ("public_url", "cannot be reached"),
            Self::LinkTooSlow => ("public_url", "does not answer in time"),
            Self::LinkAnswers { status } => {
                let rule = format!("does not show what was written, it answers {status}");
                return FieldError::new("public_url", rule);
            }
            Self::LinkLeadsElsewhere => {
                ("public_url", "shows something else than what was written")
            }
        };
        FieldError::new(field, rule)
    }
}
