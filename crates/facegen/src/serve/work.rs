//! The engine: loaded, and loaded anew when that is wanted.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use facegen_engine::{LoadOptions, LoadProgress};
use facegen_executor::EngineHandle;
use facegen_jobs::Running;

use super::controller::Controller;
use super::live::Plan;
use super::parts::load_options;
use super::wiring::backend_of;
use crate::engine;
use crate::failure::Failure;

/// Works on jobs once the models are loaded, until nothing can be worked on.
pub(super) async fn until_failure(
    running: &Running,
    controller: &Controller,
    address: SocketAddr,
) -> Failure {
    if let Err(failure) = begin(running, controller).await {
        return failure;
    }
    tracing::info!("listening on http://{address}");
    loop {
        tokio::select! {
            () = running.engine_gone() => return gone(running),
            () = controller.reload_wanted() => {
                if let Err(failure) = begin_anew(running, controller).await {
                    return failure;
                }
            }
        }
    }
}

/// Why there is no engine any more.
fn gone(running: &Running) -> Failure {
    if running.engine_hangs() {
        return Failure::EngineHangs;
    }
    Failure::Load(anyhow!(
        "the engine broke down and could not be loaded again"
    ))
}

/// Replaces the engine. Jobs wait meanwhile, the one that runs starts over. A
/// server whose models cannot be loaded goes on without: whoever repairs them
/// can have it try again, and jobs are kept until then.
///
/// # Errors
/// The old engine hangs.
async fn begin_anew(running: &Running, controller: &Controller) -> Result<(), Failure> {
    tracing::info!("loading the models again");
    // First of all nobody may hold the old engine any more: a device may not
    // have room for two.
    controller.status().reloading();
    running.detach().await;
    if running.engine_hangs() {
        return Err(Failure::EngineHangs);
    }
    match begin(running, controller).await {
        Ok(()) => tracing::info!("the models are loaded again"),
        Err(failure) => {
            controller.status().failed();
            let reason = failure.to_string();
            tracing::error!(reason, "the models cannot be loaded, jobs wait");
        }
    }
    Ok(())
}

/// Loads the models and lets them work.
async fn begin(running: &Running, controller: &Controller) -> Result<(), Failure> {
    let plan = controller.plan();
    let networks = plan.preset.network_count();
    let engine = load(&plan, controller).await?;
    controller.status().ready(&engine, networks);
    running.attach(engine);
    Ok(())
}

/// Loads the models on a thread that may block.
async fn load(plan: &Plan, controller: &Controller) -> Result<Arc<EngineHandle>, Failure> {
    let status = Arc::clone(controller.status());
    let options = LoadOptions {
        progress: LoadProgress::new(move |step| status.loading(step)),
        ..load_options(&plan.config)?
    };
    let preset = plan.preset.clone();
    let config = plan.config.clone();
    let finish = move |backend| backend_of(&config, backend);
    let loading = tokio::task::spawn_blocking(move || engine::load(preset, options, finish));
    let engine = loading.await.context("loading the models panicked")??;
    Ok(Arc::new(engine))
}
