//! The parts of the server, made from the config.

use std::num::NonZeroU16;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use facegen_api::{
    ApiConfig, ApiSettings, ApiState, Capabilities, MetricsRenderer, SafetyChecking,
};
use facegen_core::{Backend, Clock, Picture, SystemClock};
use facegen_engine::{
    CandleBackend, EngineError, LoadOptions, Preset, SafetyPolicy, encode_generated, encode_png,
};
use facegen_jobs::{JobService, JobsConfig, KeyLimits, MasterKey, Observer, PictureEncoder, Ports};
use facegen_outbound::{Faces, FolderStore, Guard, HttpWebhooks, ImageLimits, Networks};

use super::bucket;
use super::controller::Controller;
use super::live::{Live, Plan};
use crate::config::Config;
use crate::config::environment::Environment;
use crate::config::sections::{hours, seconds};
use crate::data_dir::{self, cannot_use};
use crate::engine::parse_device;

/// The folder of finished pictures, below the data folder.
pub(crate) const PICTURES: &str = "pictures";

/// The file of the master key, in the data folder.
const MASTER_KEY: &str = "master.key";

/// How the preset is loaded.
pub(crate) fn load_options(config: &Config) -> Result<LoadOptions> {
    Ok(LoadOptions {
        data_dir: config.storage.data_dir.clone(),
        accept: config.models.accept.clone(),
        device: parse_device(&config.engine.device).map_err(|reason| anyhow!(reason))?,
        safety: safety_policy(config),
        ..LoadOptions::default()
    })
}

/// The jobs of the data folder, with everything that they need.
pub(super) async fn open_jobs(
    config: &Config,
    environment: &Environment,
    live: &Live,
) -> Result<JobService> {
    let folder = &config.storage.data_dir;
    data_dir::make(folder)?;
    if let Some(warning) = data_dir::open_to_others(folder) {
        tracing::warn!("{warning}");
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let images = FolderStore::open(folder.join(PICTURES)).with_context(|| cannot_use(folder))?;
    let deadline = HttpWebhooks::DEFAULT_DEADLINE;
    let webhooks = HttpWebhooks::new(live.guard(), Arc::clone(&clock), deadline);
    let settings = live.settings.clone();
    let ports = Ports {
        faces: Arc::new(live.faces.clone()),
        images: Arc::new(images),
        bucket: bucket::open(config)?,
        key_buckets: bucket::of_keys(config, live.guard()),
        webhooks: Arc::new(webhooks),
        encoder: encoder(encode_generated),
        upload_encoder: encoder(encode_png),
        master_key: master_key(config, environment)?,
        webhook_body: Arc::new(move |job, now| {
            let settings = settings.get();
            let public_url = settings.config.public_url.as_deref();
            facegen_api::webhook_body(job, now, public_url, &settings.capabilities)
        }),
        clock,
        observer: observer(config)?,
    };
    let jobs = JobService::open(jobs_config(config), ports)
        .await
        .with_context(|| cannot_use(folder))?;
    Ok(jobs)
}

/// The secret with which those of keys are kept: the one that the environment
/// gives, else the one of the data folder.
pub(crate) fn master_key(config: &Config, environment: &Environment) -> Result<MasterKey> {
    if let Some(text) = environment.master_key()? {
        return MasterKey::parse(&text).context("the master key of the environment cannot be used");
    }
    let file = config.storage.data_dir.join(MASTER_KEY);
    MasterKey::in_file(&file).context("there is no master key")
}

/// What URLs that callers name go through.
pub(super) fn guard(config: &Config) -> Result<Guard> {
    let networks = Networks::public_and(config.outbound.allow_networks.clone());
    Guard::with_user_agent(networks, &config.user_agent()).context("cannot make an HTTP client")
}

/// What fetches and reads photographs.
pub(super) fn faces(config: &Config, guard: Guard) -> Faces {
    let deadline = seconds(config.face_image.timeout_seconds);
    Faces::new(guard, image_limits(config), deadline)
}

/// What the router needs.
pub(super) fn api_state(controller: &Arc<Controller>, metrics: MetricsRenderer) -> ApiState {
    let status = Arc::clone(controller.status());
    ApiState {
        jobs: controller.jobs().clone(),
        settings: controller.live().settings.clone(),
        readiness: Arc::new(move || status.readiness()),
        metrics,
        control: Arc::clone(controller) as _,
        urls: Arc::new(controller.live().guard()),
        clock: Arc::new(SystemClock),
    }
}

/// What requests go by.
pub(super) fn api_settings(Plan { config, preset }: &Plan) -> Result<ApiSettings> {
    let max_body_bytes = megabytes(config.server.max_body_megabytes);
    Ok(ApiSettings {
        config: ApiConfig {
            public_url: public_url(config),
            sync_wait: seconds(config.server.sync_wait_seconds),
            max_body_bytes,
            body_budget_bytes: ApiConfig::body_budget(max_body_bytes),
            legacy_http_200: config.server.legacy_http_200,
            system_status: config.server.system_status,
            base64_output: config.server.base64_output,
            max_face_bytes: image_limits(config).max_bytes,
            max_event_streams: config.server.max_event_streams.into(),
            event_streams_of_key: config.keys.event_streams.into(),
        },
        capabilities: capabilities(config, preset)?,
    })
}

/// What the jobs go by.
pub(super) fn jobs_config(config: &Config) -> JobsConfig {
    JobsConfig {
        database: config.database(),
        queue_limit: config.queue.limit.get(),
        lease: seconds(config.queue.lease_seconds),
        heartbeat: seconds(config.queue.heartbeat_seconds),
        max_attempts: config.queue.max_attempts.get(),
        step_timeout: seconds(config.engine.step_timeout_seconds),
        keep_pictures: hours(config.storage.keep_pictures_hours),
        keep_rows: hours(config.storage.keep_records_hours),
        face_timeout: seconds(config.face_image.timeout_seconds),
        sign_webhooks: config.webhooks.sign,
        key_limits: KeyLimits {
            requests_per_minute: config.keys.requests_per_minute.into(),
            queue_share: config.keys.queue_share,
            upload_bytes: u64::from(config.keys.upload_megabytes) * 1_000_000,
        },
    }
}

fn image_limits(config: &Config) -> ImageLimits {
    ImageLimits {
        max_bytes: megabytes(config.face_image.max_megabytes),
        max_pixels: u64::from(config.face_image.max_megapixels.get()) * 1_000_000,
        ..ImageLimits::default()
    }
}

fn megabytes(megabytes: NonZeroU16) -> usize {
    usize::from(megabytes.get()) * 1_000_000
}

fn capabilities(config: &Config, preset: &Preset) -> Result<Capabilities> {
    let policy = safety_policy(config);
    let is_gpu = load_options(config)?.device.is_gpu();
    Ok(Capabilities {
        safety_checking: if !preset.has_safety_checker() && !policy.force_hit {
            SafetyChecking::Absent
        } else if policy.mandatory {
            SafetyChecking::Always
        } else {
            SafetyChecking::OnRequest
        },
        styles: preset.styles(),
        limits: preset.limits().clone(),
        notice: preset.notice().map(str::to_owned),
        dtype: preset.options().precision(is_gpu).as_str(),
    })
}

fn public_url(config: &Config) -> Option<String> {
    let url = &config.server.public_url;
    (!url.is_empty()).then(|| url.clone())
}

fn safety_policy(config: &Config) -> SafetyPolicy {
    SafetyPolicy {
        mandatory: config.safety.mandatory,
        #[cfg(debug_assertions)]
        force_hit: config.testing.force_hit,
        #[cfg(not(debug_assertions))]
        force_hit: false,
    }
}

fn encoder(encode: fn(&Picture) -> Result<Vec<u8>, EngineError>) -> PictureEncoder {
    Arc::new(move |picture| encode(picture).map_err(|error| error.to_string()))
}

/// The backend as the config wants it.
pub(super) fn backend_of(config: &Config, backend: CandleBackend) -> Box<dyn Backend> {
    let backend = Box::new(backend.with_batch_limit(config.engine.batch_limit.into()));
    #[cfg(debug_assertions)]
    if config.testing.engine_hangs {
        return Box::new(super::testing::Hanging(backend));
    }
    backend
}

#[cfg(debug_assertions)]
fn observer(config: &Config) -> Result<Observer> {
    super::testing::observer(&config.testing)
}

#[cfg(not(debug_assertions))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "it can fail in builds for development"
)]
fn observer(_: &Config) -> Result<Observer> {
    Ok(Arc::new(|_, _| ()))
}
