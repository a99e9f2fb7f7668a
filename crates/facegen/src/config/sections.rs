//! One struct for each section of the config; `config/default.toml` explains
//! the settings. The number types are small on purpose: sums and products stay
//! in range, and mistyped values are refused.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use anyhow::ensure;
use facegen_api::{Base64Output, SystemStatus};
use facegen_core::store::NodeRole;
use facegen_engine::DeviceChoice;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::batch_limit::BatchLimit;
use super::host::leads_to_a_host;
use super::origin::origins;
use super::s3::S3Section;

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSection {
    pub(crate) listen: String,
    pub(crate) role: NodeRole,
    #[serde(deserialize_with = "public_url")]
    pub(crate) public_url: String,
    #[serde(deserialize_with = "origins")]
    pub(crate) allow_origins: Vec<String>,
    pub(crate) sync_wait_seconds: u16,
    pub(crate) max_body_megabytes: NonZeroU16,
    pub(crate) legacy_http_200: bool,
    pub(crate) system_status: SystemStatus,
    pub(crate) base64_output: Base64Output,
    pub(crate) max_event_streams: u16,
    pub(crate) connections_per_address: u16,
    pub(crate) shutdown_grace_seconds: u16,
}

/// `[engine]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineSection {
    pub(crate) preset: String,
    pub(crate) models_dir: PathBuf,
    #[serde(deserialize_with = "device")]
    pub(crate) device: String,
    #[serde(deserialize_with = "devices")]
    pub(crate) devices: Vec<String>,
    pub(crate) cuda_kernels: bool,
    pub(crate) batch_limit: BatchLimit,
    pub(crate) step_timeout_seconds: NonZeroU16,
}

/// `[models]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelsSection {
    pub(crate) accept: Vec<String>,
    pub(crate) pack_dir: PathBuf,
    pub(crate) release_after_use: bool,
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StorageSection {
    #[serde(deserialize_with = "directory")]
    pub(crate) data_dir: PathBuf,
    pub(crate) keep_pictures_hours: NonZeroU16,
    pub(crate) keep_records_hours: u16,
    pub(crate) parameters_in_files: bool,
    pub(crate) s3: S3Section,
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseSection {
    pub(crate) url: String,
    pub(crate) password_file: PathBuf,
}

/// `[queue]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueSection {
    pub(crate) limit: NonZeroU32,
    pub(crate) lease_seconds: NonZeroU16,
    pub(crate) heartbeat_seconds: NonZeroU16,
    pub(crate) max_attempts: NonZeroU32,
}

/// `[keys]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysSection {
    pub(crate) requests_per_minute: u16,
    pub(crate) queue_share: u32,
    pub(crate) event_streams: u16,
    pub(crate) upload_megabytes: u16,
    pub(crate) allow_short_admin_key: bool,
}

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhooksSection {
    pub(crate) sign: bool,
}

/// `[face_image]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaceImageSection {
    pub(crate) max_megabytes: NonZeroU16,
    pub(crate) max_megapixels: NonZeroU16,
    pub(crate) timeout_seconds: NonZeroU16,
}

/// `[outbound]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboundSection {
    pub(crate) allow_networks: Vec<ipnet::IpNet>,
    #[serde(deserialize_with = "header_text")]
    pub(crate) contact: String,
    #[serde(deserialize_with = "header_text")]
    pub(crate) user_agent: String,
}

/// `[safety]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SafetySection {
    pub(crate) mandatory: bool,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSection {
    pub(crate) format: LogFormat,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// `[testing]`: crashes in the middle of a job, to prove that nothing is lost,
/// and flags harmless images as unsafe, to prove that they are not shown.
#[cfg(debug_assertions)]
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TestingSection {
    /// The checkpoint at which the process halts until it is killed.
    pub(crate) halt_at: String,
    /// The checkpoint at which the process aborts.
    pub(crate) abort_at: String,
    /// Only jobs with this prompt; all when empty.
    pub(crate) prompt: String,
    /// The name of an engine that hangs at its first step.
    pub(crate) engine_hangs: String,
    /// Whether every image is flagged as unsafe, even without a safety checker.
    pub(crate) force_hit: bool,
}

/// Converts a number of the config to a duration.
pub(crate) fn seconds(seconds: impl Into<u16>) -> Duration {
    Duration::from_secs(seconds.into().into())
}

/// Converts a number of the config to a duration.
pub(crate) fn hours(hours: impl Into<u16>) -> Duration {
    Duration::from_secs(u64::from(hours.into()) * 3600)
}

/// Deserialises an http or https URL without a path, or an empty text. Removes
/// a trailing slash.
fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let url = text.trim_end_matches('/');
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match host {
        None if url.is_empty() => Ok(String::new()),
        Some(host) if host.chars().all(is_host_character) && leads_to_a_host(url) => {
            Ok(url.to_owned())
        }
        Some(_) | None => Err(de::Error::custom(
            "expected http:// or https:// and a host, without a path",
        )),
    }
}

/// Deserialises a directory. An empty path is refused: it would mean the
/// working directory.
fn directory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.as_os_str().is_empty() {
        return Err(de::Error::custom("expected the name of a directory"));
    }
    Ok(path)
}

/// Deserialises text that can be sent in a header.
fn header_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_printable = |character: char| character == ' ' || character.is_ascii_graphic();
    if text.chars().all(is_printable) {
        return Ok(text.trim().to_owned());
    }
    Err(de::Error::custom("expected printable ASCII characters"))
}

/// Returns whether a host with a port can contain this character.
fn is_host_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | ':' | '[' | ']')
}

impl EngineSection {
    /// Returns the devices of all engines, one for each.
    ///
    /// # Errors
    /// Fails when one of them is not a device, which deserialization has
    /// checked.
    pub(crate) fn device_choices(&self) -> Result<Vec<DeviceChoice>, String> {
        let devices = match &self.devices[..] {
            [] => std::slice::from_ref(&self.device),
            devices => devices,
        };
        let choice = |device: &String| DeviceChoice::from_str(device);
        devices.iter().map(choice).collect()
    }

    /// Checks settings that depend on each other.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let names_none = self.devices.is_empty();
        ensure!(
            names_none || self.device == "auto",
            "engine.device and engine.devices cannot both be set"
        );
        ensure!(
            self.devices.iter().all(|device| device != "auto"),
            "engine.devices names each device, auto is none"
        );
        // Images are reproducible only on one kind of device.
        let kind = |device: &String| device.split(':').next().unwrap_or_default().to_owned();
        let mut kinds: Vec<String> = self.devices.iter().map(kind).collect();
        kinds.dedup();
        ensure!(
            kinds.len() < 2,
            "engine.devices must all be of one kind, as images depend on that"
        );
        Ok(())
    }
}

/// Deserialises the names of devices and checks each.
fn devices<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let devices = Vec::<String>::deserialize(deserializer)?;
    for device in &devices {
        DeviceChoice::from_str(device).map_err(de::Error::custom)?;
    }
    Ok(devices)
}

/// Deserialises the name of a device. It is checked here so that the error
/// names the setting.
fn device<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    DeviceChoice::from_str(&text).map_err(de::Error::custom)?;
    Ok(text)
}
