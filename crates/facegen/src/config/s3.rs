//! `[storage.s3]`: the bucket of the images.

use std::num::NonZeroU16;

use anyhow::{Result, ensure};
use facegen_core::redact::{SafeUrl, Secret};
use facegen_outbound::S3Settings;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::host::leads_to_a_host;

/// The variables of this section that are always text, even if they look like
/// numbers.
pub(super) const TEXTS: [&str; 2] = [
    "FACEGEN__STORAGE__S3__ACCESS_KEY_ID",
    "FACEGEN__STORAGE__S3__SECRET_ACCESS_KEY",
];

/// `[storage.s3]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3Section {
    pub(crate) bucket: String,
    pub(crate) endpoint_url: String,
    pub(crate) region: String,
    pub(crate) image_directory: String,
    pub(crate) access_key_id: String,
    /// Never printed, not even by `facegen config print`.
    #[serde(default, skip_serializing)]
    pub(crate) secret_access_key: SecretText,
    pub(crate) public_url: String,
    pub(crate) check_url: String,
    pub(crate) acl: Acl,
    pub(crate) timeout_seconds: NonZeroU16,
}

/// The ACL with which objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Acl {
    /// Readable for everybody.
    PublicRead,
    /// No ACL: the bucket makes its objects public by itself.
    None,
}

/// A text that is never printed.
#[derive(Debug, Clone)]
pub(crate) struct SecretText(Secret<String>);

impl Default for SecretText {
    fn default() -> Self {
        Self(Secret::new(String::new()))
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for SecretText {}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The deserializer's own error quotes the value.
        let text = String::deserialize(deserializer);
        let text = text.map_err(|_| D::Error::custom("it must be text in quotes"))?;
        Ok(Self(Secret::new(text)))
    }
}

impl S3Section {
    /// Returns the bucket, if one is set.
    pub(crate) fn settings(&self) -> Option<S3Settings> {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        Some(S3Settings {
            bucket: some(&self.bucket)?,
            endpoint_url: some(&self.endpoint_url).map(SafeUrl::from),
            region: self.region.clone(),
            image_directory: self.image_directory.clone(),
            access_key_id: Secret::new(self.access_key_id.clone()),
            secret_access_key: self.secret_access_key.0.clone(),
            public_url: self.public_url.clone(),
            check_url: some(&self.check_url),
            public_read_acl: self.acl == Acl::PublicRead,
            attempt_timeout: S3Settings::DEFAULT_ATTEMPT_TIMEOUT,
        })
    }

    /// Checks settings that depend on each other.
    pub(super) fn check(&self) -> Result<()> {
        let needed = [
            ("access_key_id", self.access_key_id.is_empty()),
            (
                "secret_access_key",
                self.secret_access_key.0.expose().is_empty(),
            ),
            ("public_url", self.public_url.is_empty()),
        ];
        if self.bucket.is_empty() {
            for (name, is_empty) in needed {
                ensure!(
                    is_empty,
                    "storage.s3.{name} is set, but storage.s3.bucket is not"
                );
            }
            return Ok(());
        }
        for (name, is_empty) in needed
            .into_iter()
            .chain([("region", self.region.is_empty())])
        {
            ensure!(
                !is_empty,
                "storage.s3.bucket is set, so storage.s3.{name} must be, too"
            );
        }
        for (name, url) in [
            ("endpoint_url", &self.endpoint_url),
            ("public_url", &self.public_url),
            ("check_url", &self.check_url),
        ] {
            ensure!(
                url.is_empty() || is_plain_url(url),
                "storage.s3.{name} must begin with http:// or https:// and a host, and have no query"
            );
        }
        let is_name =
            |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
        ensure!(
            self.bucket.chars().all(is_name),
            "storage.s3.bucket must be a name without slashes, put what follows the slash into storage.s3.image_directory"
        );
        ensure!(
            self.image_directory
                .split('/')
                .all(|part| part.chars().all(is_name)),
            "storage.s3.image_directory must be made of letters, digits, -, ., _ and /"
        );
        Ok(())
    }
}

/// Returns whether names can be appended to this URL.
fn is_plain_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        let is_plain = |character: char| character.is_ascii_graphic() && !"?#@".contains(character);
        !host.is_empty() && rest.chars().all(is_plain) && leads_to_a_host(text)
    })
}
