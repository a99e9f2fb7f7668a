//! What the binary gives the router.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::request::{RequestLimits, Style};
use facegen_core::{Clock, Control, Current, UrlChecker};
use facegen_jobs::JobService;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything that the handlers need.
#[derive(Clone)]
pub struct ApiState {
    /// Does the work.
    pub jobs: JobService,
    /// What may change while the server runs.
    pub settings: Current<ApiSettings>,
    /// Says whether the server can make images at this moment.
    pub readiness: ReadinessProbe,
    /// Renders the metrics of the process.
    pub metrics: MetricsRenderer,
    /// Restarts and updates the server.
    pub control: Arc<dyn Control>,
    /// Judges the URLs that callers name.
    pub urls: Arc<dyn UrlChecker>,
    /// The time of day, for images that have expired.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for ApiState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ApiState")
            .field("settings", &self.settings.get())
            .finish_non_exhaustive()
    }
}

/// What may change while the server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// What the operator may set.
    pub config: ApiConfig,
    /// What the models can do.
    pub capabilities: Capabilities,
}

/// What the operator may set about the HTTP interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// The address under which callers reach the server, e.g.
    /// `https://faces.example.org`; links begin with it. Without one they begin
    /// with `http://` and the `Host` of the request. Forwarded headers are not
    /// looked at, because anybody can send them: behind a proxy that changes
    /// scheme or host, set this.
    pub public_url: Option<String>,
    /// How long `make_gen` waits for the images before it answers that they
    /// are being made.
    pub sync_wait: Duration,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// How many bytes of bodies may be in memory at once, of all requests
    /// together; the first 64 KiB of each are not counted, and there is always
    /// room for one of the largest. A photo is there twice while it is
    /// decoded. See [`ApiConfig::body_budget`].
    pub body_budget_bytes: usize,
    /// Whether errors of all paths under `/api/` are answered with status 200,
    /// for clients that read no other body.
    pub legacy_http_200: bool,
    /// What `system_details` calls a server that is well.
    pub system_status: SystemStatus,
    /// How images come to callers who want base64.
    pub base64_output: Base64Output,
    /// The largest photo, decoded from base64, in bytes.
    pub max_face_bytes: usize,
    /// How many streams of events may be open at once.
    pub max_event_streams: usize,
    /// How many of them of one key; 0: as many as of all.
    pub event_streams_of_key: usize,
}

impl ApiConfig {
    /// The budget that goes well with bodies of this size, in bytes: 16 of
    /// them, and at least 256 MB.
    #[must_use]
    pub fn body_budget(max_body_bytes: usize) -> usize {
        max_body_bytes.saturating_mul(16).max(256_000_000)
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        let max_body_bytes = 16_000_000;
        Self {
            public_url: None,
            sync_wait: Duration::from_secs(20),
            max_body_bytes,
            body_budget_bytes: Self::body_budget(max_body_bytes),
            legacy_http_200: false,
            system_status: SystemStatus::Success,
            base64_output: Base64Output::Link,
            max_face_bytes: 10_000_000,
            max_event_streams: 128,
            event_streams_of_key: 16,
        }
    }
}

/// What `system_details` calls a server that is well: the documentation has one
/// word in one of its versions and another in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SystemStatus {
    /// As all other calls.
    Success,
    /// As older versions.
    Ok,
}

/// How images come to callers who want base64: the documentation leaves it
/// open, and clients are written for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base64Output {
    /// As links to text.
    Link,
    /// As text in the answers of `make_gen` and `fetch`.
    Inline,
}

/// What the loaded models can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether images are looked at.
    pub safety_checking: SafetyChecking,
    /// The looks on offer.
    pub styles: Vec<Style>,
    /// The sizes and numbers of steps on offer.
    pub limits: RequestLimits,
    /// What people should know who see the images.
    pub notice: Option<String>,
    /// What the models compute in, e.g. `f32`.
    pub dtype: &'static str,
}

/// When the safety checker looks at images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SafetyChecking {
    /// Never: there is none.
    Absent,
    /// When the request does not say otherwise.
    OnRequest,
    /// Always, whatever the request says.
    Always,
}

impl SafetyChecking {
    /// Whether it looks at the images of a request that wants it or not.
    #[must_use]
    pub fn applies(self, wanted: bool) -> bool {
        match self {
            Self::Absent => false,
            Self::OnRequest => wanted,
            Self::Always => true,
        }
    }
}

/// Renders the metrics of the process in Prometheus' text format.
pub type MetricsRenderer = Arc<dyn Fn() -> String + Send + Sync>;

/// Says how ready the server is at this moment. It is asked often, so it must
/// not wait.
pub type ReadinessProbe = Arc<dyn Fn() -> Readiness + Send + Sync>;

/// How ready the server is to make images. Anybody may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Readiness {
    /// The models are being read.
    Loading {
        /// The component that is being read.
        component: String,
        /// How many are read.
        loaded: usize,
        /// How many there are.
        components: usize,
    },
    /// Images can be made.
    Ready,
    /// The server is stopping.
    Draining,
    /// No image can be made until somebody does something about it.
    Broken {
        /// What is wrong, in words that anybody may read.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_shows_its_progress() {
        let loading = Readiness::Loading {
            component: String::from("unet"),
            loaded: 2,
            components: 8,
        };
        let written = serde_json::to_string(&loading).unwrap();
        let expected = r#"{"status":"loading","component":"unet","loaded":2,"components":8}"#;
        assert_eq!(written, expected);
        let ready = serde_json::to_string(&Readiness::Ready).unwrap();
        assert_eq!(ready, r#"{"status":"ready"}"#);
    }
}
