//! Whether the server waits for the client, or the client for the server.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

/// How much of a body must arrive for its client to count as sending.
const PIECE_BYTES: usize = 16 * 1024;

/// The value while the client waits for the server.
const NOT_WAITING: u64 = 0;

/// Which side of a connection waits for the other.
#[derive(Debug)]
pub(super) struct Waiting {
    began: Instant,
    /// When the server began to wait, in milliseconds after `began`, plus one.
    waits_since: AtomicU64,
}

impl Waiting {
    /// Creates the record of a connection on which nothing has arrived yet.
    pub(super) fn new() -> Self {
        let waiting = Self {
            began: Instant::now(),
            waits_since: AtomicU64::new(NOT_WAITING),
        };
        waiting.waits_since(waiting.began);
        waiting
    }

    /// Records that the client waits for the server.
    fn waits_not(&self) {
        self.waits_since.store(NOT_WAITING, Ordering::Relaxed);
    }

    /// Records that the server has been waiting for the client since `moment`.
    fn waits_since(&self, moment: Instant) {
        let millis = moment.saturating_duration_since(self.began).as_millis();
        let since = u64::try_from(millis).unwrap_or(u64::MAX - 1) + 1;
        self.waits_since.store(since, Ordering::Relaxed);
    }

    /// Returns for how long the server has been waiting, if it is.
    pub(super) fn waits(&self) -> Option<Duration> {
        let since = self.waits_since.load(Ordering::Relaxed).checked_sub(1)?;
        let waited = self.began.elapsed();
        Some(waited.saturating_sub(Duration::from_millis(since)))
    }
}

/// The body of a request: the server waits while more has to arrive.
pub(super) struct Arriving {
    body: Body,
    waiting: Arc<Waiting>,
    /// When the last whole piece had arrived.
    complete: Instant,
    /// The bytes of the next piece so far.
    bytes: usize,
    /// Since when the server has not asked for more; `None` while it waits.
    idle_since: Option<Instant>,
}

impl Arriving {
    /// Wraps a body whose head has just arrived.
    pub(super) fn new(body: Body, waiting: Arc<Waiting>) -> Self {
        waiting.waits_not();
        Self {
            body,
            waiting,
            complete: Instant::now(),
            bytes: 0,
            idle_since: Some(Instant::now()),
        }
    }

    fn came(&mut self, bytes: usize) {
        let now = Instant::now();
        self.waiting.waits_not();
        self.idle_since = Some(now);
        self.bytes += bytes;
        if self.bytes >= PIECE_BYTES {
            self.bytes = 0;
            self.complete = now;
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() {
            // The time in which the server did not read is not the client's.
            if let Some(idle_since) = self.idle_since.take() {
                self.complete += idle_since.elapsed();
            }
            self.waiting.waits_since(self.complete);
        }
        let frame = ready!(polled);
        let data = frame
            .as_ref()
            .and_then(|frame| frame.as_ref().ok()?.data_ref());
        let bytes = data.map_or(0, Bytes::len);
        self.came(bytes);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response: the client has to read each frame.
pub(super) struct Leaving {
    body: Body,
    waiting: Arc<Waiting>,
}

impl Leaving {
    /// Wraps a body of which nothing has been read.
    pub(super) fn new(body: Body, waiting: Arc<Waiting>) -> Self {
        Self { body, waiting }
    }
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    /// Begins to wait for the client. hyper polls for the next frame once there
    /// is room for it, so the client has read earlier ones.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waiting.waits_not();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.waiting.waits_since(Instant::now());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Leaving {
    /// Begins the wait for the next request.
    fn drop(&mut self) {
        self.waiting.waits_since(Instant::now());
    }
}
