//! The settings of one bucket.

use std::time::Duration;

use facegen_core::redact::{SafeUrl, Secret};
use facegen_core::{BucketNames, ObjectName};

/// One bucket, and the links to its objects.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// The URL of the service, e.g. `https://storage.example.com`; the bucket
    /// is the first part of the path there. `None`: Amazon's own.
    pub endpoint_url: Option<SafeUrl>,
    /// The region that requests are signed for, e.g. `us-east-1`.
    pub region: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The prefix of object names, without slashes around it; may be empty.
    pub image_directory: String,
    /// The id of the access key.
    pub access_key_id: Secret<String>,
    /// The secret that signs requests.
    pub secret_access_key: Secret<String>,
    /// The prefix of links: the public URL of the directory.
    pub public_url: String,
    /// The same directory, where `public_url` leads elsewhere when it is read
    /// from this host.
    pub check_url: Option<String>,
    /// Whether each object gets a public-read ACL.
    pub public_read_acl: bool,
    /// How long one attempt at a request may take, its body included.
    pub attempt_timeout: Duration,
}

impl S3Settings {
    /// How long an attempt may take unless configured otherwise.
    pub const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

    /// Returns the prefix of all keys.
    pub(super) fn directory(&self) -> String {
        match self.image_directory.trim_matches('/') {
            "" => String::new(),
            directory => format!("{directory}/"),
        }
    }

    /// Returns the key of an object in the bucket.
    pub(super) fn key(&self, object: &ObjectName) -> String {
        format!("{}{}", self.directory(), object.expose())
    }

    /// Returns the URL at which an object is written, as its owner would open it.
    pub(super) fn object_url(&self, object: &ObjectName) -> String {
        let (bucket, key) = (&self.bucket, self.key(object));
        match self.endpoint() {
            Some(endpoint) => format!("{endpoint}{bucket}/{key}"),
            None => format!("https://s3.{}.amazonaws.com/{bucket}/{key}", self.region),
        }
    }

    /// Returns the endpoint with one slash at its end: the S3 client appends
    /// the name of the bucket to its path.
    pub(super) fn endpoint(&self) -> Option<String> {
        let endpoint = self.endpoint_url.as_ref()?.expose();
        Some(format!("{}/", endpoint.trim_end_matches('/')))
    }

    /// Returns the names of these settings in the config of a server.
    #[must_use]
    pub fn names(&self) -> &'static BucketNames {
        match self.check_url {
            Some(_) => &BucketNames::SETTINGS_WITH_CHECK_URL,
            None => &BucketNames::SETTINGS,
        }
    }

    /// Returns the URL at which an object is read back.
    pub(super) fn check_link(&self, object: &ObjectName) -> String {
        let base = self.check_url.as_ref().unwrap_or(&self.public_url);
        format!("{}/{}", base.trim_end_matches('/'), object.expose())
    }
}
