//! The HTTP connections of the server.
//!
//! The number of connections is limited, and idle or slow clients must not use
//! them up. So at the limit the connection that has been idle for the longest
//! is closed, but never one whose request is being handled. If none can be
//! closed, a spare connection still reads one request: health checks are
//! answered, any other request gets 503.

mod connections;
mod files;
mod service;
#[cfg(test)]
mod tests;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use connections::{Connections, Permit};
use service::Answers;

pub(super) use connections::Limits;
pub(super) use files::limits;

/// The timeout of a new connection's first byte.
const FIRST_BYTE_TIME: Duration = Duration::from_secs(10);

/// The timeout of a request's head, also between two requests.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// The timeout of a client that reads nothing of its response.
const STALL_TIME: Duration = Duration::from_secs(30);

/// The buffer of a connection for a request or a response, in addition to what
/// the router holds; it also limits the size of heads.
const BUFFER_BYTES: usize = 64 * 1024;

/// The pause after the system refuses a socket.
const REST: Duration = Duration::from_millis(100);

/// Serves requests until `stopped`, then completes those that have arrived.
pub(super) async fn answer(
    listener: TcpListener,
    api: Router,
    limits: Limits,
    stopped: CancellationToken,
) {
    let open = GracefulShutdown::new();
    let connections = Arc::new(Connections::new(limits));
    while let Some((stream, address)) = next(&listener, &stopped).await {
        let Some(permit) = connections.admit(address.ip()) else {
            continue;
        };
        let connection = Connection {
            api: api.clone(),
            watcher: open.watcher(),
            stopped: stopped.clone(),
        };
        tokio::spawn(async move {
            tokio::select! {
                () = permit.closed() => {}
                () = connection.answer(stream, &permit) => {}
            }
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// Returns the next connection, or `None` once `stopped`.
async fn next(
    listener: &TcpListener,
    stopped: &CancellationToken,
) -> Option<(TcpStream, SocketAddr)> {
    tokio::select! {
        accepted = accept(listener) => Some(accepted),
        () = stopped.cancelled() => None,
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Responses are written whole, so Nagle's algorithm only delays
                // them.
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept connection");
                sleep(REST).await;
            }
        }
    }
}

/// What a connection needs from the server.
struct Connection {
    api: Router,
    watcher: Watcher,
    stopped: CancellationToken,
}

impl Connection {
    /// Serves the connection until the client closes it.
    async fn answer(self, stream: TcpStream, permit: &Permit) {
        // Only peeked at: the byte belongs to the head.
        let mut byte = [0];
        let first_byte = timeout(FIRST_BYTE_TIME, stream.peek(&mut byte));
        let speaks = tokio::select! {
            biased;
            first_byte = first_byte => matches!(first_byte, Ok(Ok(1))),
            () = self.stopped.cancelled() => false,
        };
        if !speaks {
            return;
        }
        let mut builder = Builder::new(TokioExecutor::new()).http1_only();
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(BUFFER_BYTES);
        let service = TowerToHyperService::new(Answers::new(self.api, permit));
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL_TIME));
        let connection = builder.serve_connection(TokioIo::new(Box::pin(stream)), service);
        // A client that disconnects is no error.
        let _ = self.watcher.watch(connection.into_owned()).await;
    }
}
