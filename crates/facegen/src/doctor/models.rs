//! Checks of the device, the files of the preset, and their loading.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use facegen_core::request::ImageSize;
use facegen_core::{Backend, Preset};
use facegen_engine::{CandleBackend, LoadOptions, LoadProgress, LoadStep};
use facegen_hub::{ComponentFile, FoundFile, inspect};

use super::Report;
use crate::config::Config;
use crate::models::needs::{Needs, about};
use crate::serve::{engine_plans, limited, load_options};

/// Prints a line for the device, each component and the loading of each
/// network.
pub(super) fn check(config: &Config, report: &mut Report) -> Result<()> {
    let engines = engine_plans(config)?;
    for engine in &engines {
        let device = engine.device.describe(!config.engine.cuda_kernels);
        let device = device.map_err(Into::into);
        let label = match engines.len() {
            1 => "device".to_owned(),
            _ => format!("engine {}", engine.name),
        };
        report.check(&label, device, Clone::clone)?;
    }
    // All devices are of one kind: if one can load the models, all can.
    let device = engines.first().map(|engine| engine.device);
    let options = load_options(config, device.unwrap_or_default());
    let is_gpu = options.device.is_gpu();
    let preset = Preset::find(&config.engine.models_dir, &config.engine.preset);
    let Some(preset) = report.check("preset", preset.map_err(Into::into), |preset| {
        describe(preset, is_gpu)
    })?
    else {
        return Ok(());
    };
    let (data_dir, accept) = (&config.storage.data_dir, &config.models.accept);
    report.line("ok", "weights", weights(&preset, data_dir, is_gpu)?)?;
    let files = inspect(&preset, data_dir, accept).map_err(Into::into);
    let words = |files: &Vec<ComponentFile>| format!("{} components", files.len());
    let Some(files) = report.check("files", files, words)? else {
        return Ok(());
    };
    if !all_are_there(files, report)? {
        return Ok(());
    }
    let loaded = load(&preset, accept, &options);
    let loaded = report.check("loading", loaded, |(times, _)| times.join(", "))?;
    if let Some((_, backend)) = loaded {
        report.line("ok", "batch", describe_batch(&limited(config, backend)))?;
    }
    Ok(())
}

/// Prints a line for each component. Returns whether all are available, without
/// which nothing can be loaded.
fn all_are_there(files: Vec<ComponentFile>, report: &mut Report) -> Result<bool> {
    let mut found = 0;
    let count = files.len();
    for file in files {
        let words = |it: &FoundFile| describe_file(it, &file.licence);
        let checked = report.check(&file.component, file.found.map_err(Into::into), words)?;
        found += usize::from(checked.is_some());
    }
    Ok(found == count)
}

fn describe(preset: &Preset, is_gpu: bool) -> String {
    let precision = preset.options().precision(is_gpu);
    let kernel = if is_gpu {
        String::new()
    } else {
        facegen_engine::precision::on_cpu(precision)
    };
    let (name, dtype) = (preset.name(), precision.as_str());
    format!("{name} in {dtype}{kernel}: {}", preset.description())
}

/// Describes the memory that the weights take.
fn weights(preset: &Preset, data_dir: &Path, is_gpu: bool) -> Result<String> {
    let files = facegen_hub::files(preset, data_dir)?;
    let Needs {
        ram_bytes,
        vram_bytes,
    } = Needs::of(preset, &files);
    Ok(if is_gpu {
        format!(
            "{} on each GPU, computed; images take more",
            about(vram_bytes)
        )
    } else {
        format!("{} of memory, computed; images take more", about(ram_bytes))
    })
}

fn describe_file(file: &FoundFile, licence: &str) -> String {
    let path = match &file.path {
        Some(path) => path.display().to_string(),
        None => "synthetic weights".to_owned(),
    };
    match &file.sha256 {
        Some(sha256) => format!("{path}, sha256 {sha256}, {licence}"),
        None => format!("{path}, {licence}"),
    }
}

/// Says how many images share a step.
fn describe_batch(backend: &CandleBackend) -> String {
    let size = ImageSize::default();
    let (images, width, height) = (
        backend.capacity(size).pictures_per_step,
        size.width(),
        size.height(),
    );
    format!("up to {images} of {width}x{height} share a step")
}

/// Loads everything and returns the seconds that each network took. Those of
/// the last include what is loaded after it, in negligible time.
fn load(
    preset: &Preset,
    accept: &[String],
    options: &LoadOptions,
) -> Result<(Vec<String>, CandleBackend)> {
    let begun: Arc<Mutex<Vec<(&'static str, Instant)>>> = Arc::default();
    let listener = Arc::clone(&begun);
    let begin = move |step: LoadStep| {
        let mut begun = listener.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push((step.component, Instant::now()));
    };
    let options = LoadOptions {
        progress: LoadProgress::new(begin),
        ..options.clone()
    };
    let located = facegen_hub::locate(preset, &options.data_dir, accept)?;
    let backend = CandleBackend::load(&located, &options).context("the models do not load")?;
    let end = Instant::now();
    let begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
    let ends = begun.iter().skip(1).map(|(_, instant)| *instant);
    let times = begun.iter().zip(ends.chain([end]));
    let times = times
        .map(|((name, start), end)| format!("{name} {:.1} s", (end - *start).as_secs_f64()))
        .collect();
    Ok((times, backend))
}
