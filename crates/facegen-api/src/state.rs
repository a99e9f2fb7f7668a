//! The state that the binary passes to the router.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::request::{RequestLimits, Style};
use facegen_core::{Clock, Control, Current, UrlChecker};
use facegen_jobs::{JobService, PageTokens};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The dependencies of all handlers.
#[derive(Clone)]
pub struct ApiState {
    /// The job service.
    pub jobs: JobService,
    /// The tokens that give a page its key.
    pub page_tokens: Arc<PageTokens>,
    /// The settings that can change while the server runs.
    pub settings: Current<ApiSettings>,
    /// The readiness probe.
    pub readiness: ReadinessProbe,
    /// The renderer of the metrics.
    pub metrics: MetricsRenderer,
    /// The control of restarts and updates.
    pub control: Arc<dyn Control>,
    /// The checker of URLs that callers name.
    pub urls: Arc<dyn UrlChecker>,
    /// The clock, for the expiry of images.
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

/// The settings that can change while the server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// The operator's settings.
    pub config: ApiConfig,
    /// The capabilities of the loaded models.
    pub capabilities: Capabilities,
}

/// The operator's settings of the HTTP interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// The URL at which callers reach the server, e.g.
    /// `https://faces.example.org`; links begin with it. Without it they begin
    /// with `http://` and the `Host` of the request. Forwarded headers are
    /// ignored, because any caller can send them: behind a proxy that changes
    /// scheme or host, set this.
    pub public_url: Option<String>,
    /// The origins whose pages may call the API, as browsers send them, e.g.
    /// `https://app.example.org`.
    pub allow_origins: Vec<String>,
    /// How long `make_gen` waits for the images before it answers `processing`.
    pub sync_wait: Duration,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// The memory budget of all bodies together, in bytes. The first 64 KiB of
    /// each are not counted, and one largest body always fits. A photo is in
    /// memory twice while it is decoded. See [`ApiConfig::body_budget`].
    pub body_budget_bytes: usize,
    /// Whether errors of all paths under `/api/` have status 200, for clients
    /// that read no other response.
    pub legacy_http_200: bool,
    /// What `system_details` reports as the status of a healthy server.
    pub system_status: SystemStatus,
    /// How images in base64 are returned.
    pub base64_output: Base64Output,
    /// The largest photo, decoded from base64, in bytes.
    pub max_face_bytes: usize,
    /// The limit of open event streams.
    pub max_event_streams: usize,
    /// The limit of open event streams per key; 0 for no such limit.
    pub event_streams_of_key: usize,
}

impl ApiConfig {
    /// Returns the budget that suits bodies of this size, in bytes: 16 of them,
    /// and at least 256 MB.
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
            allow_origins: Vec::new(),
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

/// The status of a healthy server in `system_details`; the versions of the
/// documentation differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SystemStatus {
    /// The word that all other calls use.
    Success,
    /// The word of older versions.
    Ok,
}

/// How images in base64 are returned: the documentation leaves it open, and
/// clients exist for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base64Output {
    /// As links to base64 text.
    Link,
    /// As base64 text in the answers of `make_gen` and `fetch`.
    Inline,
}

/// The capabilities of the loaded models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The name of the preset.
    pub preset: String,
    /// When images are checked.
    pub safety_checking: SafetyChecking,
    /// The available styles.
    pub styles: Vec<Style>,
    /// The accepted sizes and numbers of steps.
    pub limits: RequestLimits,
    /// A notice to show with the images.
    pub notice: Option<String>,
    /// The data type of the computation, e.g. `f32`.
    pub dtype: &'static str,
}

/// When the safety checker checks images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SafetyChecking {
    /// Never: the preset has none.
    Absent,
    /// Unless the request disables it.
    OnRequest,
    /// Always, even if the request disables it.
    Always,
}

impl SafetyChecking {
    /// Returns whether the images of a request are checked; `wanted` is what it
    /// asks for.
    #[must_use]
    pub fn applies(self, wanted: bool) -> bool {
        match self {
            Self::Absent => false,
            Self::OnRequest => wanted,
            Self::Always => true,
        }
    }
}

/// A renderer of the metrics of the process in Prometheus' text format.
pub type MetricsRenderer = Arc<dyn Fn() -> String + Send + Sync>;

/// A probe of the server's readiness. It is called often, so it must not block.
pub type ReadinessProbe = Arc<dyn Fn() -> Readiness + Send + Sync>;

/// The readiness of the server. It is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Readiness {
    /// The models are being loaded.
    Loading {
        /// The component that is being loaded.
        component: String,
        /// How many components are loaded.
        loaded: usize,
        /// How many components there are.
        components: usize,
    },
    /// Images can be made.
    Ready,
    /// The server is stopping.
    Draining,
    /// No images can be made until an operator intervenes.
    Broken {
        /// The reason; it is public.
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
