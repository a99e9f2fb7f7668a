//! `facegen serve`: the server.
//!
//! | chapter | holds |
//! |---|---|
//! | [`wiring`] | the parts of the server, made from the config |
//! | [`bucket`] | where callers read pictures themselves |
//! | [`http`] | its connections |
//! | [`first_key`] | the key with which everything begins |
//! | [`measuring`] | its metrics |
//! | [`status`] | how ready the server is |
//! | [`shutdown`] | the signals that stop it |
//! | `testing` | dying in the middle of a job, in builds for development |

mod bucket;
mod first_key;
mod http;
mod measuring;
mod shutdown;
mod status;
#[cfg(debug_assertions)]
mod testing;
mod wiring;

pub(crate) use bucket::store as bucket_store;
pub(crate) use wiring::{PICTURES, load_options, master_key};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use facegen_engine::{LoadOptions, LoadProgress, Preset};
use facegen_jobs::{EngineHandle, Running};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::environment::Environment;
use crate::config::sections::seconds;
use crate::config::{Config, ConfigArguments};
use crate::engine;
use crate::failure::Failure;
use crate::telemetry;
use shutdown::StopSignals;
use status::Status;

/// Threads for work that blocks: more would not read photographs any faster,
/// and each keeps memory of its own.
const BLOCKING_THREADS: usize = 32;

/// How long answers that are being written may take once everything else has
/// stopped.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// Serves until a signal comes or the engine is gone for good.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let config = Config::load(arguments, &environment)?;
    telemetry::init_server(config.log.format);
    let runtime = runtime()?;
    let result = runtime.block_on(serve(config, environment));
    // Loading models cannot be interrupted and need not be waited for.
    runtime.shutdown_background();
    result
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build();
    Ok(runtime.context("cannot start the runtime")?)
}

async fn serve(config: Config, environment: Environment) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    let metrics = measuring::start()?;
    let preset = engine::find(&config.engine.models_dir, &config.engine.preset)?;
    let options = load_options(&config)?;
    let jobs = wiring::open_jobs(&config, &environment, &preset).await?;
    first_key::ensure(jobs.keys(), &environment).await?;

    let listener = listen(&config.server.listen).await?;
    let address = listener.local_addr().context("the socket has no address")?;
    let status = Arc::new(Status::default());
    let api = wiring::api_state(&config, &jobs, &preset, &status, metrics);
    let stopped = CancellationToken::new();
    let connections = http::answer(listener, facegen_api::router(api), stopped.clone());
    let connections = tokio::spawn(connections);

    let running = jobs.start();
    let work = work(&running, load(preset, options, &status), &status, address);
    let result = tokio::select! {
        failure = work => Err(failure),
        () = signals.received() => Ok(()),
    };

    tracing::info!("stopping");
    status.draining();
    jobs.drain();
    let grace = seconds(config.server.shutdown_grace_seconds);
    running.shutdown(grace).await;
    stopped.cancel();
    if timeout(LAST_ANSWERS, connections).await.is_err() {
        tracing::warn!("some callers were still waiting for their answer");
    }
    jobs.close().await;
    tracing::info!("stopped");
    result
}

async fn listen(address: &str) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    Ok(listener.with_context(|| format!("cannot listen on {address}"))?)
}

/// Works on jobs once the models are loaded, until nothing can be worked on.
async fn work(
    running: &Running,
    loading: impl Future<Output = Result<Arc<EngineHandle>, Failure>>,
    status: &Status,
    address: SocketAddr,
) -> Failure {
    match loading.await {
        Ok(engine) => {
            status.ready(&engine);
            running.attach(engine);
            tracing::info!("listening on http://{address}");
        }
        Err(failure) => return failure,
    }
    running.engine_gone().await;
    if running.engine_hangs() {
        return Failure::EngineHangs;
    }
    Failure::Load(anyhow!(
        "the engine broke down and could not be loaded again"
    ))
}

/// Loads the models on a thread that may block.
async fn load(
    preset: Preset,
    options: LoadOptions,
    status: &Arc<Status>,
) -> Result<Arc<EngineHandle>, Failure> {
    let listener = Arc::clone(status);
    let options = LoadOptions {
        progress: LoadProgress::new(move |step| listener.loading(step)),
        ..options
    };
    let loading = tokio::task::spawn_blocking(move || engine::load(preset, options));
    let engine = loading.await.context("loading the models panicked")??;
    Ok(Arc::new(engine))
}
