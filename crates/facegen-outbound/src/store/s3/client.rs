//! The client of the S3 protocol.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, StalledStreamProtectionConfig,
};

use super::S3Settings;
use super::connector::Connector;
use crate::guard::Guard;

/// How often a request is tried. The callers retry by themselves.
const ATTEMPTS: u32 = 2;
/// The longest pause between the attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// Creates a client for the bucket of `settings`, whose requests use `guard`.
pub(super) fn client(settings: &S3Settings, guard: Guard) -> Client {
    let credentials = Credentials::new(
        settings.access_key_id.expose(),
        settings.secret_access_key.expose(),
        None,
        None,
        "config",
    );
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(settings.attempt_timeout)
        .operation_timeout(settings.attempt_timeout * ATTEMPTS + PAUSE)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(PAUSE);
    let mut config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .credentials_provider(credentials)
        .timeout_config(timeouts)
        .retry_config(retries)
        .http_client(Connector(guard))
        // It watches bodies that are streamed; here they are complete.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // Checksums that only Amazon's own service understands make others refuse.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = settings.endpoint() {
        config = config.endpoint_url(endpoint).force_path_style(true);
    }
    Client::from_conf(config.build())
}
