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

/// Files that are kept for everything but connections: the database, pictures
/// that are written, photographs and webhooks.
const OTHER_FILES: u64 = 256;

/// How many files a connection takes: its own, and a picture that its caller
/// reads.
const FILES_EACH: u64 = 2;

/// How many open files are asked of the system.
const WANTED_FILES: u64 = FILES_EACH * MOST_CONNECTIONS + OTHER_FILES;

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
    let connections = files.saturating_sub(OTHER_FILES) / FILES_EACH;
    let connections = connections.clamp(1, MOST_CONNECTIONS);
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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    /// The clock runs ahead whenever everybody waits.
    #[tokio::test(start_paused = true)]
    async fn who_sends_the_head_of_a_request_too_slowly_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = Router::new().route("/", get(|| async { "" }));
        let stopped = CancellationToken::new();
        let server = tokio::spawn(answer(listener, api, stopped.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        let started = Instant::now();
        // A byte every ten seconds, for ever.
        for byte in b"GET / HTTP/1.1\r\n".iter().chain(&[b'a'; 100]) {
            if client.write_all(&[*byte]).await.is_err() || started.elapsed() > 2 * HEAD_TIME {
                break;
            }
            sleep(Duration::from_secs(10)).await;
        }
        let mut told = Vec::new();
        let _ = client.read_to_end(&mut told).await;
        assert!(started.elapsed() >= HEAD_TIME);
        assert!(
            started.elapsed() <= 3 * HEAD_TIME,
            "{:?}",
            started.elapsed()
        );
        assert!(!told.starts_with(b"HTTP/1.1 200"));
        stopped.cancel();
        server.await.unwrap();
    }
}
