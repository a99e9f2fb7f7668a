//! Why a bucket cannot be used, in terms of its owner's settings.

use std::fmt;

use crate::FieldError;

/// Why a bucket cannot be used, and which request failed. It holds no secret,
/// and does not distinguish a blocked host from one that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketFault {
    /// What is wrong.
    pub problem: BucketProblem,
    /// The request, e.g. `PUT https://storage.example/faces/a.png`; empty where
    /// none failed.
    pub request: String,
}

/// What is wrong with a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketProblem {
    /// The text of the endpoint breaks this rule.
    EndpointRefused(String),
    /// The endpoint cannot be reached.
    EndpointUnreachable,
    /// The endpoint timed out.
    EndpointTooSlow,
    /// The endpoint does not know the access key.
    UnknownAccessKey,
    /// The secret does not match the access key.
    WrongSecret,
    /// The access key may not write.
    AccessDenied,
    /// The bucket does not exist.
    NoSuchBucket,
    /// The bucket is in another region.
    WrongRegion,
    /// The clock of the endpoint differs from that of the server.
    ClockSkewed,
    /// The endpoint refuses to write, for another reason.
    WriteRefused {
        /// The HTTP status and, if there is one, the error code.
        answer: String,
    },
    /// The endpoint reported success, but the object is missing.
    NotKept,
    /// The text of the link, or of the URL that it redirects to, breaks this
    /// rule.
    LinkRefused(String),
    /// The host of the link cannot be reached.
    LinkUnreachable,
    /// The link timed out.
    LinkTooSlow,
    /// The object is not at its link.
    LinkAnswers {
        /// The HTTP status that the link answers.
        status: u16,
    },
    /// The link serves something else.
    LinkLeadsElsewhere,
}

/// The names of the settings of a bucket, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketNames {
    /// The endpoint for writes.
    pub endpoint_url: &'static str,
    /// The region that requests are signed for.
    pub region: &'static str,
    /// The setting with the name of the bucket.
    pub bucket: &'static str,
    /// The prefix of object names.
    pub directory: &'static str,
    /// The id of the signing key.
    pub access_key_id: &'static str,
    /// The signing key.
    pub secret_access_key: &'static str,
    /// The URL at which objects are read back.
    pub link: &'static str,
}

impl BucketNames {
    /// The fields of `update_s3`.
    pub const FIELDS: Self = Self {
        endpoint_url: "endpoint_url",
        region: "region_name",
        bucket: "image_directory",
        directory: "image_directory",
        access_key_id: "aws_access_key_id",
        secret_access_key: "aws_secret_access_key",
        link: "public_url",
    };

    /// The settings of the server's config.
    pub const SETTINGS: Self = Self {
        endpoint_url: "storage.s3.endpoint_url",
        region: "storage.s3.region",
        bucket: "storage.s3.bucket",
        directory: "storage.s3.image_directory",
        access_key_id: "storage.s3.access_key_id",
        secret_access_key: "storage.s3.secret_access_key",
        link: "storage.s3.public_url",
    };

    /// The settings of the server's config when `check_url` is set.
    pub const SETTINGS_WITH_CHECK_URL: Self = Self {
        link: "storage.s3.check_url",
        ..Self::SETTINGS
    };
}

impl BucketFault {
    /// Returns the error of the field of `update_s3` that is at fault.
    #[must_use]
    pub fn field_error(&self) -> FieldError {
        self.named(&BucketNames::FIELDS)
    }

    /// Returns the error of the setting that is at fault, by its name in
    /// `names`.
    #[must_use]
    pub fn named(&self, names: &BucketNames) -> FieldError {
        let (field, rule) = self.problem.rule(names);
        if self.request.is_empty() {
            return FieldError::new(field, rule);
        }
        FieldError::new(field, format!("{rule} ({})", self.request))
    }
}

impl BucketProblem {
    fn rule(&self, names: &BucketNames) -> (&'static str, String) {
        let (field, rule) = match self {
            Self::EndpointRefused(rule) => (names.endpoint_url, rule.as_str()),
            Self::EndpointUnreachable => (names.endpoint_url, "cannot be reached"),
            Self::EndpointTooSlow => (names.endpoint_url, "does not answer in time"),
            Self::UnknownAccessKey => {
                let rule = format!("is not known at {}", names.endpoint_url);
                return (names.access_key_id, rule);
            }
            Self::WrongSecret => {
                let rule = format!("is not the secret of {}", names.access_key_id);
                return (names.secret_access_key, rule);
            }
            Self::AccessDenied => {
                let rule = format!("may not write objects to {}", names.directory);
                return (names.access_key_id, rule);
            }
            Self::NoSuchBucket => return (names.bucket, no_such_bucket(names)),
            Self::WrongRegion => (names.region, "is not the region of the bucket"),
            Self::ClockSkewed => (
                names.endpoint_url,
                "refuses the time of this server, try again later",
            ),
            Self::WriteRefused { answer } => {
                let rule = format!("does not take an object, it answers {answer}");
                return (names.endpoint_url, rule);
            }
            Self::NotKept => (
                names.endpoint_url,
                "answers that it took an object and does not have it, so it is no S3 endpoint",
            ),
            Self::LinkRefused(rule) => (names.link, rule.as_str()),
            Self::LinkUnreachable => (names.link, "cannot be reached"),
            Self::LinkTooSlow => (names.link, "does not answer in time"),
            Self::LinkAnswers { status } => {
                let rule = format!("does not show what was written, it answers {status}");
                return (names.link, rule);
            }
            Self::LinkLeadsElsewhere => (names.link, "shows something else than what was written"),
        };
        (field, rule.to_owned())
    }
}

/// Returns the rule that a missing bucket breaks. Where one setting holds
/// bucket and directory, the host can name the bucket.
fn no_such_bucket(names: &BucketNames) -> String {
    if names.bucket == names.directory {
        let endpoint = names.endpoint_url;
        return format!(
            "must begin with a bucket that exists, unless the host of {endpoint} is one"
        );
    }
    "must be a bucket that exists".to_owned()
}

impl From<BucketProblem> for BucketFault {
    fn from(problem: BucketProblem) -> Self {
        Self {
            problem,
            request: String::new(),
        }
    }
}

/// Omits the request: logs must not contain the location of a key's images.
impl fmt::Display for BucketFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, rule) = self.problem.rule(&BucketNames::FIELDS);
        write!(
            formatter,
            "the bucket of a key cannot be used: {field} {rule}"
        )
    }
}

impl std::error::Error for BucketFault {}
