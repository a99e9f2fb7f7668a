//! The details of a bucket before they are parsed, and the parser.

use super::BucketDetails;
use crate::redact::{SafeUrl, Secret};
use crate::request::errors::Diagnostics;
use crate::request::raw::is_web_url;
use crate::request::{FieldError, RequestError, Scalar};

/// The longest URL, in bytes.
pub const MAX_BUCKET_URL_BYTES: usize = 1_024;
/// The longest name of a region, in bytes.
pub const MAX_REGION_BYTES: usize = 64;
/// The longest directory, in bytes.
pub const MAX_DIRECTORY_BYTES: usize = 512;
/// The longest id and the longest secret of an access key, in bytes.
pub const MAX_CREDENTIAL_BYTES: usize = 256;

/// The documented server types, and whether this server is one: it implements
/// `face_gen`, clients of `image_editing` share its requests, and
/// `text_to_image` is the documented default.
const DEPLOY_TYPES: [(&str, bool); 17] = [
    ("text_to_image", true),
    ("image_editing", true),
    ("face_gen", true),
    ("voice_cloning", false),
    ("text_to_3d", false),
    ("video", false),
    ("deepfake", false),
    ("realtime", false),
    ("super_resolution", false),
    ("flux", false),
    ("flux_headshot", false),
    ("interior", false),
    ("qwen", false),
    ("qwen_tts", false),
    ("flux_kontext_dev", false),
    ("image_to_video_ultra", false),
    ("z_image_turbo", false),
];

/// The details of a bucket as they were sent, absent ones as [`Scalar::Null`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawBucketDetails {
    /// The type of server that the bucket is for.
    pub deploy_type: Scalar,
    /// See [`BucketDetails::public_url`].
    pub public_url: Scalar,
    /// See [`BucketDetails::region`].
    pub region_name: Scalar,
    /// See [`BucketDetails::endpoint_url`].
    pub endpoint_url: Scalar,
    /// See [`BucketDetails::access_key_id`].
    pub aws_access_key_id: Scalar,
    /// See [`BucketDetails::secret_access_key`].
    pub aws_secret_access_key: Scalar,
    /// See [`BucketDetails::image_directory`].
    pub image_directory: Scalar,
}

impl RawBucketDetails {
    /// The names of the fields on the wire, in the order of the documentation.
    pub const NAMES: [&str; 7] = [
        "deploy_type",
        "public_url",
        "region_name",
        "endpoint_url",
        "aws_access_key_id",
        "aws_secret_access_key",
        "image_directory",
    ];

    /// Returns the accepted server types; the first is the default.
    pub fn deploy_types() -> impl Iterator<Item = &'static str> {
        let ours = DEPLOY_TYPES.into_iter().filter(|(_, ours)| *ours);
        ours.map(|(name, _)| name)
    }

    /// Returns the field with this name on the wire, `None` for unknown fields.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Scalar> {
        Some(match name {
            "deploy_type" => &mut self.deploy_type,
            "public_url" => &mut self.public_url,
            "region_name" => &mut self.region_name,
            "endpoint_url" => &mut self.endpoint_url,
            "aws_access_key_id" => &mut self.aws_access_key_id,
            "aws_secret_access_key" => &mut self.aws_secret_access_key,
            "image_directory" => &mut self.image_directory,
            _ => return None,
        })
    }

    /// Parses every field.
    ///
    /// # Errors
    /// Returns all fields that are missing or invalid, with one sentence each.
    pub fn parse(&self) -> Result<BucketDetails, RequestError> {
        let mut findings = Diagnostics::default();
        findings.accept(self.check_deploy_type());
        let public_url = findings.accept(url("public_url", &self.public_url));
        let region = findings.accept(region(&self.region_name));
        let endpoint_url = findings.accept(url("endpoint_url", &self.endpoint_url));
        let access_key_id = credential("aws_access_key_id", &self.aws_access_key_id);
        let access_key_id = findings.accept(access_key_id);
        let secret = credential("aws_secret_access_key", &self.aws_secret_access_key);
        let secret_access_key = findings.accept(secret);
        let image_directory = findings.accept(directory(&self.image_directory));
        if !findings.errors.is_empty() {
            let errors = findings.errors;
            return Err(RequestError { errors });
        }
        Ok(BucketDetails {
            endpoint_url: SafeUrl::from(endpoint_url),
            region,
            image_directory,
            public_url: SafeUrl::from(public_url),
            access_key_id: Secret::new(access_key_id),
            secret_access_key: Secret::new(secret_access_key),
        })
    }

    /// Checks that the bucket is for this server.
    ///
    /// # Errors
    /// Fails when it is for another server, or for none that is documented.
    pub fn check_deploy_type(&self) -> Result<(), FieldError> {
        match self.deploy_type.choice("deploy_type", &DEPLOY_TYPES)? {
            None | Some(true) => Ok(()),
            Some(false) => Err(FieldError::new(
                "deploy_type",
                "must be text_to_image, image_editing or face_gen, no other server runs here",
            )),
        }
    }
}

/// Reads a text, which must be present and not too long.
fn text(field: &'static str, raw: &Scalar, max_bytes: usize) -> Result<String, FieldError> {
    match raw.text(field)? {
        None => Err(FieldError::new(field, "is required")),
        Some(text) if text.len() > max_bytes => {
            let rule = format!("must not be longer than {max_bytes} bytes");
            Err(FieldError::new(field, rule))
        }
        Some(text) => Ok(text.to_owned()),
    }
}

/// Reads a URL to which names can be appended.
fn url(field: &'static str, raw: &Scalar) -> Result<String, FieldError> {
    let url = text(field, raw, MAX_BUCKET_URL_BYTES)?;
    let is_plain =
        |character: char| character.is_ascii_graphic() && !"?#@\\\"<>".contains(character);
    if is_web_url(&url) && url.chars().all(is_plain) {
        return Ok(url);
    }
    let rule = "must be an http or https URL without a user name, a query and a fragment";
    Err(FieldError::new(field, rule))
}

fn region(raw: &Scalar) -> Result<String, FieldError> {
    let region = text("region_name", raw, MAX_REGION_BYTES)?;
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if region.chars().all(is_plain) {
        return Ok(region);
    }
    let rule = "must be made of letters, digits, - and _";
    Err(FieldError::new("region_name", rule))
}

/// Reads a name or a secret that is valid in a header.
fn credential(field: &'static str, raw: &Scalar) -> Result<String, FieldError> {
    let credential = text(field, raw, MAX_CREDENTIAL_BYTES)?;
    let is_printable = |character: char| character.is_ascii_graphic() || character == ' ';
    if credential.chars().all(is_printable) {
        return Ok(credential);
    }
    Err(FieldError::new(field, "must be made of ASCII characters"))
}

/// Reads a path of one part or more, none of which is empty, `.` or `..`.
fn directory(raw: &Scalar) -> Result<String, FieldError> {
    let directory = text("image_directory", raw, MAX_DIRECTORY_BYTES)?;
    let directory = directory.trim_matches('/');
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(is_plain);
    if directory.split('/').all(is_name) {
        return Ok(directory.to_owned());
    }
    let rule = "must be made of names of letters, digits, -, . and _, with / between them";
    Err(FieldError::new("image_directory", rule))
}
