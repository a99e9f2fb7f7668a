//! Loading and reloading of the engines.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use facegen_core::{EngineName, EngineState, Engines};
use facegen_engine::{LoadOptions, LoadProgress};
use facegen_executor::EngineHandle;
use facegen_jobs::Running;

use super::controller::Controller;
use super::parts::{EnginePlan, engine_plans, load_options};
use super::reloadable::RuntimeConfig;
use super::wiring::backend_of;
use super::{Greeting, first_key, page_link};
use crate::config::sections::seconds;
use crate::engine;
use crate::failure::Failure;

/// Loads the engines, prints the greeting, and runs jobs until no engine can run
/// any more.
pub(super) async fn until_failure(
    running: &Running,
    controller: &Arc<Controller>,
    address: SocketAddr,
    greeting: Greeting,
) -> Failure {
    if let Err(failure) = begin(running, controller).await {
        return failure;
    }
    if let Err(failure) = greet(controller, address, greeting).await {
        return failure;
    }
    tracing::info!("listening on http://{address}");
    loop {
        tokio::select! {
            () = running.engine_gone() => return gone(running),
            order = running.next_order() => controller.carry_out(order).await,
            () = controller.reload_wanted() => {
                if let Err(failure) = begin_again(running, controller).await {
                    return failure;
                }
            }
        }
    }
}

/// Returns why no engine is left.
fn gone(running: &Running) -> Failure {
    if running.engine_hangs() {
        return Failure::EngineHangs;
    }
    Failure::Load(anyhow!(
        "the engine broke down and could not be loaded again"
    ))
}

/// Prints what people need to use the server, if they use this node.
async fn greet(
    controller: &Controller,
    address: SocketAddr,
    greeting: Greeting,
) -> Result<(), Failure> {
    match greeting {
        _ if !controller.role().serves_api() => Ok(()),
        Greeting::FirstKey => first_key::ensure_any(controller.jobs().keys()).await,
        Greeting::PageLink => page_link::print(controller.page_tokens(), address),
    }
}

/// Loads the models of every engine and starts it.
async fn begin(running: &Running, controller: &Controller) -> Result<(), Failure> {
    if !controller.role().makes_images() {
        controller.status().serving();
        return Ok(());
    }
    running.attach(Arc::clone(controller.engines()) as _);
    let runtime = controller.runtime();
    for engine in engine_plans(&runtime.config)? {
        start(running, controller, &runtime, &engine).await?;
    }
    controller.status().ready(runtime.preset.network_count());
    Ok(())
}

/// Reloads the engines one after the other. Meanwhile jobs stay queued or go to
/// the others; those that an engine has in flight start over. A server whose
/// models cannot be loaded keeps running, so that they can be reloaded once
/// they are repaired; its jobs stay queued.
///
/// # Errors
/// Fails when all engines hang.
async fn begin_again(running: &Running, controller: &Controller) -> Result<(), Failure> {
    tracing::info!("reloading models");
    controller.status().reloading();
    let runtime = controller.runtime();
    let planned = engine_plans(&runtime.config)?;
    let mut failed = false;
    for name in controller.engines().names() {
        if planned.iter().all(|engine| engine.name != name)
            && end(controller, &runtime, &name).await
        {
            controller.engines().forget(&name);
        }
    }
    for engine in &planned {
        if !end(controller, &runtime, &engine.name).await {
            continue;
        }
        if let Err(failure) = start(running, controller, &runtime, engine).await {
            let (engine, reason) = (&engine.name, failure.to_string());
            tracing::error!(%engine, reason, "failed to load models");
            failed = true;
        }
    }
    if all_hang(controller) {
        // The watchdog sees the same and has recorded it by then.
        running.engines_changed();
        running.engine_gone().await;
        return Err(gone(running));
    }
    if failed {
        controller.status().failed(runtime.preset.network_count());
    } else {
        controller.status().ready(runtime.preset.network_count());
        tracing::info!("models reloaded");
    }
    Ok(())
}

/// Ends an engine before it is reloaded, as a device may not have memory for
/// two. Returns false when it hangs.
async fn end(controller: &Controller, runtime: &RuntimeConfig, name: &EngineName) -> bool {
    let patience = seconds(runtime.config.engine.step_timeout_seconds);
    let ended = controller.engines().end_engine(name, patience).await;
    if ended.is_err() {
        tracing::error!(engine = %name, "engine timed out, its device needs a restart");
    }
    ended.is_ok()
}

fn all_hang(controller: &Controller) -> bool {
    let health = controller.engines().health();
    health
        .iter()
        .all(|engine| engine.state == EngineState::Hung)
}

/// Loads the models of one engine and starts it.
async fn start(
    running: &Running,
    controller: &Controller,
    runtime: &RuntimeConfig,
    engine: &EnginePlan,
) -> Result<(), Failure> {
    let handle = load(runtime, controller, engine).await?;
    controller.engines().insert(handle);
    running.engines_changed();
    Ok(())
}

/// Loads the models on a blocking thread.
async fn load(
    runtime: &RuntimeConfig,
    controller: &Controller,
    engine: &EnginePlan,
) -> Result<EngineHandle, Failure> {
    let status = Arc::clone(controller.status());
    let options = LoadOptions {
        progress: LoadProgress::new(move |step| status.loading(step)),
        ..load_options(&runtime.config, engine.device)
    };
    let preset = runtime.preset.clone();
    let (config, name) = (runtime.config.clone(), engine.name.clone());
    let load = move || {
        let own = name.clone();
        let accept = config.models.accept.clone();
        engine::load(&name, preset, accept, options, move |backend| {
            backend_of(&config, &own, backend)
        })
    };
    let loading = tokio::task::spawn_blocking(load);
    loading.await.context("loading the models panicked")?
}
