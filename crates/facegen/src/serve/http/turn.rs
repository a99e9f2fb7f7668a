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

/// Stands for the server's turn.
const OURS: u64 = 0;

/// Whose turn it is on one connection.
#[derive(Debug)]
pub(super) struct Turn {
    began: Instant,
    /// Since when the server waits, in milliseconds after it began, plus one.
    waits_since: AtomicU64,
}

impl Turn {
    /// A connection of which nothing has come yet.
    pub(super) fn new() -> Self {
        let turn = Self {
            began: Instant::now(),
            waits_since: AtomicU64::new(OURS),
        };
        turn.waits_since(turn.began);
        turn
    }

    /// The client waits for the server.
    fn ours(&self) {
        self.waits_since.store(OURS, Ordering::Relaxed);
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

/// The body of a request: while it has to come, it is the client's turn.
pub(super) struct Arriving {
    body: Body,
    turn: Arc<Turn>,
    /// When the last piece of it was complete.
    complete: Instant,
    /// What has come of the next.
    bytes: usize,
    /// Since when the server has not asked for more.
    idle_since: Option<Instant>,
}

impl Arriving {
    /// A body whose head has just come.
    pub(super) fn new(body: Body, turn: Arc<Turn>) -> Self {
        turn.ours();
        Self {
            body,
            turn,
            complete: Instant::now(),
            bytes: 0,
            idle_since: Some(Instant::now()),
        }
    }

    fn came(&mut self, bytes: usize) {
        let now = Instant::now();
        self.turn.ours();
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
            self.turn.waits_since(self.complete);
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
    turn: Arc<Turn>,
}

impl Leaving {
    /// A body of which nothing was taken yet.
    pub(super) fn new(body: Body, turn: Arc<Turn>) -> Self {
        Self { body, turn }
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
        self.turn.ours();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.turn.waits_since(Instant::now());
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
        self.turn.waits_since(Instant::now());
    }
}
