//! The connections of the server.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

/// How many connections are open at once at most; more wait to be accepted.
const MOST_CONNECTIONS: u64 = 1024;

/// Files that are kept for everything but connections: the database, pictures,
/// photographs and webhooks.
const OTHER_FILES: u64 = 256;

/// How many open files are asked of the system.
const WANTED_FILES: u64 = MOST_CONNECTIONS + OTHER_FILES;

/// How long a connection may take to send the head of a request, and how long
/// it may rest between two.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// How long a caller may read nothing of its answer.
const STALL_TIME: Duration = Duration::from_secs(30);

/// How long accepting rests when the system gives no more sockets.
const REST: Duration = Duration::from_millis(100);

/// Answers requests until `stopped`, then those that have come already.
pub(super) async fn answer(listener: TcpListener, api: Router, stopped: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME);
    let open = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(most_connections()));
    while let Some((stream, place)) = next(&listener, &places, &stopped).await {
        let service = TowerToHyperService::new(api.clone());
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL_TIME));
        let connection = builder.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = open.watch(connection.into_owned());
        tokio::spawn(async move {
            // A caller that went away is no concern of ours.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// As many connections as the system's limit on open files leaves room for,
/// after raising it as far as is wanted and allowed.
fn most_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let files = limit.current.unwrap_or(WANTED_FILES);
    let raised = files.max(WANTED_FILES.min(limit.maximum.unwrap_or(WANTED_FILES)));
    let wanted = Rlimit {
        current: Some(raised),
        ..limit
    };
    let files = setrlimit(Resource::Nofile, wanted).map_or(files, |()| raised);
    let connections = files.saturating_sub(OTHER_FILES).clamp(1, MOST_CONNECTIONS);
    usize::try_from(connections).unwrap_or(1)
}

/// The next connection and its place, `None` once `stopped`.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stopped: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let accepted = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        Some((accept(listener).await, place))
    };
    tokio::select! {
        accepted = accepted => accepted,
        () = stopped.cancelled() => None,
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written at once: waiting for more only delays them.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(REST).await;
            }
        }
    }
}
