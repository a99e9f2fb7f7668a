//! `facegen serve`: the server.

mod bucket;
mod controller;
mod first_key;
mod http;
mod measuring;
mod page_link;
mod parts;
mod reloadable;
mod signals;
mod status;
#[cfg(debug_assertions)]
mod testing;
mod wiring;
mod work;

pub(crate) use bucket::store as bucket_store;
pub(crate) use parts::{engine_plans, load_options};
pub(crate) use wiring::{IMAGES, known_master_key, limited, master_key};

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::environment::Environment;
use crate::config::sections::seconds;
use crate::config::{Config, ConfigArguments};
use crate::failure::Failure;
use crate::telemetry::{self, LostLines, ServerLog};
use controller::Controller;
use reloadable::{Reloadable, RuntimeConfig};
use signals::Signals;

/// The threads for blocking work: more would not decode photos any faster, and
/// each keeps its own memory.
const BLOCKING_THREADS: usize = 32;

/// The context of a log that cannot be started.
const NO_LOG: &str = "cannot start the log";

/// The timeout of responses that are still being written after everything else
/// has stopped.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// What the server prints once it can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// The first admin key, where there is none.
    FirstKey,
    /// A link that gives the page its key.
    PageLink,
}

/// Serves until a signal arrives or no engine can run any more.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let config = Config::load(arguments, &environment)?;
    let log = telemetry::init_server(config.log.format, "info").context(NO_LOG)?;
    start(
        config,
        arguments.clone(),
        environment,
        log,
        Greeting::FirstKey,
    )
}

/// Starts the log of a server that a person watches: on a terminal only warnings
/// are shown.
pub(crate) fn log_quietly(config: &Config) -> Result<ServerLog, Failure> {
    let level = telemetry::level_for_people();
    Ok(telemetry::init_server(config.log.format, level).context(NO_LOG)?)
}

/// Serves as [`run`] does.
pub(crate) fn start(
    config: Config,
    arguments: ConfigArguments,
    environment: Environment,
    log: ServerLog,
    greeting: Greeting,
) -> Result<(), Failure> {
    let runtime = runtime()?;
    let lost = log.lost_lines();
    let result = runtime.block_on(serve(config, arguments, environment, lost, greeting));
    // Loading models cannot be interrupted, and nothing depends on its end.
    runtime.shutdown_background();
    // Its last lines are written when it is dropped.
    drop(log);
    result
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build();
    Ok(runtime.context("cannot start the runtime")?)
}

async fn serve(
    config: Config,
    arguments: ConfigArguments,
    environment: Environment,
    lost: LostLines,
    greeting: Greeting,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    for variable in environment.unknown() {
        tracing::warn!(
            variable,
            "no such environment variable, settings are FACEGEN__SECTION__NAME"
        );
    }
    let metrics = measuring::start(lost)?;
    let runtime = RuntimeConfig::new(config)?;
    let reloadable = Reloadable::new(&runtime)?;
    let role = runtime.config.server.role;
    let (jobs, clock) = wiring::open_jobs(&runtime, &environment, &reloadable).await?;
    if role.serves_api() {
        let allow_short = runtime.config.keys.allow_short_admin_key;
        first_key::ensure_given(jobs.keys(), &environment, allow_short).await?;
    }

    let listener = listen(&runtime.config.server.listen).await?;
    let address = listener.local_addr().context("the socket has no address")?;
    let connection_limits = http::limits(runtime.config.server.connections_per_address);
    let controller = Controller::new(arguments, environment, runtime, reloadable, jobs.clone())?;
    let controller = Arc::new(controller);
    let api = controller.api_state(metrics, clock);
    let stopped = CancellationToken::new();
    let router = match role.serves_api() {
        true => facegen_api::router(api),
        false => facegen_api::health_router(api),
    };
    let connections = http::answer(listener, router, connection_limits, stopped.clone());
    let connections = tokio::spawn(connections);

    let running = jobs.start();
    let result = tokio::select! {
        failure = work::until_failure(&running, &controller, address, greeting) => Err(failure),
        () = signals.stop(|| controller.reload_config()) => Ok(()),
    };

    tracing::info!("shutting down");
    controller.status().draining();
    jobs.drain();
    let grace = seconds(controller.runtime().config.server.shutdown_grace_seconds);
    running.shutdown(grace).await;
    stopped.cancel();
    if timeout(LAST_ANSWERS, connections).await.is_err() {
        tracing::warn!("shutdown timed out, open requests dropped");
    }
    jobs.close().await;
    tracing::info!("stopped");
    result
}

async fn listen(address: &str) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    Ok(listener.with_context(|| format!("cannot listen on {address}"))?)
}
