//! The connections of the server.
//!
//! A connection takes a place, and who sends nothing, or only now and then a
//! little, would keep it for long. So when places are wanted, the connection
//! that the server has waited for the longest is closed; one whose request the
//! server works on never is. Where none can be closed, a request is still read
//! in a spare place: one after the server's health is answered there, any other
//! is told to come again.
//!
//! | chapter | holds |
//! |---|---|
//! | [`places`] | who is connected, and who gives way |
//! | [`waiting`] | whether the server waits for the client or the client for it |
//! | [`service`] | what is done with each request |
//! | [`files`] | how many connections the system allows |

mod files;
mod places;
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

use places::{Place, Places};
use service::Answers;

pub(super) use files::limits;
pub(super) use places::Limits;

/// How long a connection may be silent before its first byte.
const FIRST_BYTE_TIME: Duration = Duration::from_secs(10);

/// How long a connection may take to send the head of a request, and how long
/// it may rest between two.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// How long a caller may read nothing of its answer.
const STALL_TIME: Duration = Duration::from_secs(30);

/// What is in memory of a request or an answer for one connection, besides what
/// the router holds; no head may be longer.
const BUFFER_BYTES: usize = 64 * 1024;

/// How long accepting rests when the system gives no more sockets.
const REST: Duration = Duration::from_millis(100);

/// Answers requests until `stopped`, then those that have come already.
pub(super) async fn answer(
    listener: TcpListener,
    api: Router,
    limits: Limits,
    stopped: CancellationToken,
) {
    let open = GracefulShutdown::new();
    let places = Arc::new(Places::new(limits));
    while let Some((stream, address)) = next(&listener, &stopped).await {
        let Some(place) = places.admit(address.ip()) else {
            continue;
        };
        let connection = Connection {
            api: api.clone(),
            watcher: open.watcher(),
            stopped: stopped.clone(),
        };
        tokio::spawn(async move {
            tokio::select! {
                () = place.closed() => {}
                () = connection.answer(stream, &place) => {}
            }
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// The next connection, `None` once `stopped`.
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
                // Answers are written at once: waiting for more only delays them.
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

/// What a connection needs of the server.
struct Connection {
    api: Router,
    watcher: Watcher,
    stopped: CancellationToken,
}

impl Connection {
    /// Answers what comes until the client goes.
    async fn answer(self, stream: TcpStream, place: &Place) {
        // It is left where it is, at the beginning of the head.
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
        let service = TowerToHyperService::new(Answers::new(self.api, place));
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL_TIME));
        let connection = builder.serve_connection(TokioIo::new(Box::pin(stream)), service);
        // A caller that went away is no concern of ours.
        let _ = self.watcher.watch(connection.into_owned()).await;
    }
}
