//! Whether the server waits for the client, or the client for the server.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

/// So much of a body has to come for its client to count as one that sends.
const PIECE_BYTES: usize = 16 * 1024;

/// The value while the client waits for the server.
const NOT_WAITING: u64 = 0;

/// Which side of a connection waits for the other.
#[derive(Debug)]
pub(super) struct Waiting {
    began: Instant,
    /// Since when the server waits, in milliseconds after it began, plus one.
    waits_since: AtomicU64,
}

impl Waiting {
    /// A connection of which nothing has come yet.
    pub(super) fn new() -> Self {
        let waiting = Self {
            began: Instant::now(),
            waits_since: AtomicU64::new(NOT_WAITING),
        };
        waiting.waits_since(waiting.began);
        waiting
    }

    /// The client waits for the server.
    fn waits_not(&self) {
        self.waits_since.store(NOT_WAITING, Ordering::Relaxed);
    }

    /// The server waits for the client, since this moment.
    fn waits_since(&self, moment: Instant) {
        let millis = moment.saturating_duration_since(self.began).as_millis();
        let since = u64::try_from(millis).unwrap_or(u64::MAX - 1) + 1;
        self.waits_since.store(since, Ordering::Relaxed);
    }

    /// For how long the server has been waiting, if it is.
    pub(super) fn waits(&self) -> Option<Duration> {
        let since = self.waits_since.load(Ordering::Relaxed).checked_sub(1)?;
        let waited = self.began.elapsed();
        Some(waited.saturating_sub(Duration::from_millis(since)))
    }
}

/// The body of a request: while it has to come, the server waits.
pub(super) struct Arriving {
    body: Body,
    waiting: Arc<Waiting>,
    /// When the last piece of it was complete.
    complete: Instant,
    /// What has come of the next.
    bytes: usize,
    /// Since when the server has not asked for more.
    idle_since: Option<Instant>,
}

impl Arriving {
    /// A body whose head has just come.
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
            // What the server did meanwhile is no fault of the client.
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

/// The body of an answer: what there is of it, the client has to take.
pub(super) struct Leaving {
    body: Body,
    waiting: Arc<Waiting>,
}

impl Leaving {
    /// A body of which nothing was taken yet.
    pub(super) fn new(body: Body, waiting: Arc<Waiting>) -> Self {
        Self { body, waiting }
    }
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    /// It is asked for more when there is room for it, because the client has
    /// taken what came before.
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
    /// The next request may come.
    fn drop(&mut self) {
        self.waiting.waits_since(Instant::now());
    }
}
