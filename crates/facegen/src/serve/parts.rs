//! Builds the settings of requests, jobs and networks from the config.

use std::num::NonZeroU16;

use anyhow::{Context as _, Result, anyhow};
use facegen_api::{ApiConfig, ApiSettings, Capabilities, SafetyChecking};
use facegen_core::Preset;
use facegen_core::{EngineName, KeyLimits};
use facegen_engine::{DeviceChoice, LoadOptions, SafetyPolicy};
use facegen_image::ImageLimits;
use facegen_jobs::JobsConfig;
use facegen_outbound::{Faces, Guard, Networks};

use crate::config::Config;
use crate::config::sections::{hours, seconds};
use crate::packs;

/// An engine in the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnginePlan {
    pub(crate) name: EngineName,
    pub(crate) device: DeviceChoice,
}

/// Returns the engines, named after their devices; further ones on the same
/// device have a number appended.
pub(crate) fn engine_plans(config: &Config) -> Result<Vec<EnginePlan>> {
    let devices = config.engine.device_choices();
    let devices = devices.map_err(|reason| anyhow!(reason))?;
    let runtime = |(index, device): (usize, &DeviceChoice)| {
        let earlier = devices[..index].iter().filter(|other| *other == device);
        let name = match earlier.count() {
            0 => device.name(),
            earlier => format!("{}#{}", device.name(), earlier + 1),
        };
        EnginePlan {
            name: EngineName::new(&name),
            device: *device,
        }
    };
    Ok(devices.iter().enumerate().map(runtime).collect())
}

/// Returns the options with which the preset is loaded on a device.
pub(crate) fn load_options(config: &Config, device: DeviceChoice) -> LoadOptions {
    LoadOptions {
        data_dir: config.storage.data_dir.clone(),
        device,
        candle_operations: !config.engine.cuda_kernels,
        packs: packs::kept(config),
        safety: safety_policy(config),
        ..LoadOptions::default()
    }
}

/// Returns the guard of URLs that callers name.
pub(super) fn guard(config: &Config) -> Result<Guard> {
    let networks = Networks::public_and(config.outbound.allow_networks.clone());
    Guard::with_user_agent(networks, &config.user_agent()).context("cannot make an HTTP client")
}

/// Returns the fetcher and decoder of photos.
pub(super) fn faces(config: &Config, guard: Guard) -> Faces {
    let deadline = seconds(config.face_image.timeout_seconds);
    Faces::new(guard, image_limits(config), deadline)
}

/// Returns the settings of the API.
pub(super) fn api_settings(config: &Config, preset: &Preset) -> Result<ApiSettings> {
    let max_body_bytes = megabytes(config.server.max_body_megabytes);
    Ok(ApiSettings {
        config: ApiConfig {
            public_url: public_url(config),
            allow_origins: config.server.allow_origins.clone(),
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

/// Returns the settings of the job service.
pub(super) fn jobs_config(config: &Config, preset: &Preset) -> JobsConfig {
    JobsConfig {
        preset: preset.name().to_owned(),
        networks: preset.network_count(),
        queue_limit: config.queue.limit.get(),
        lease: seconds(config.queue.lease_seconds),
        heartbeat: seconds(config.queue.heartbeat_seconds),
        max_attempts: config.queue.max_attempts.get(),
        step_timeout: seconds(config.engine.step_timeout_seconds),
        keep_images: hours(config.storage.keep_pictures_hours),
        keep_rows: hours(config.storage.keep_records_hours),
        face_timeout: seconds(config.face_image.timeout_seconds),
        sign_webhooks: config.webhooks.sign,
        parameters_in_files: config.storage.parameters_in_files,
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
    // All devices are of one kind.
    let is_gpu = engine_plans(config)?
        .iter()
        .any(|engine| engine.device.is_gpu());
    Ok(Capabilities {
        preset: preset.name().to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigArguments;
    use crate::config::environment::Environment;

    #[test]
    fn an_engine_does_without_the_cuda_kernels_if_the_config_says_so() {
        for (value, candle_operations) in [("true", false), ("false", true)] {
            let environment = Environment::from([("FACEGEN__ENGINE__CUDA_KERNELS", value)]);
            let config = Config::load(&ConfigArguments::default(), &environment).unwrap();
            let options = load_options(&config, DeviceChoice::Cpu);
            assert_eq!(options.candle_operations, candle_operations);
        }
    }
}
