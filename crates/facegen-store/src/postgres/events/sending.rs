//! How other processes are notified.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use facegen_core::store::Event;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::payload::{self, CHANNEL};
use crate::postgres::database::Database;

/// How many events may wait to be sent.
const CAPACITY: usize = 1024;

/// How many are sent at once.
const BATCH: usize = 256;

/// How long it may take until they are sent.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long nothing is sent after a failure.
const PAUSE: Duration = Duration::from_secs(1);

const NOTIFY: &str = "SELECT pg_notify($1, said) FROM unnest($2::text[]) AS said";

/// What is to be sent to other processes; no caller waits for it.
#[derive(Debug)]
pub(super) struct Outbox {
    events: mpsc::Sender<Event>,
    missed: Arc<AtomicBool>,
}

impl Outbox {
    /// Puts an event in. When there is no room, the others are notified
    /// that they missed some.
    pub(super) fn put(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.missed.store(true, Ordering::Release);
        }
    }
}

/// Returns an outbox, and what empties it until the outbox or the pool is gone.
pub(super) fn outbox(
    database: &Database,
    own: String,
) -> (Outbox, impl Future<Output = ()> + use<>) {
    let (events, waiting) = mpsc::channel(CAPACITY);
    let missed = Arc::new(AtomicBool::new(false));
    let outbox = Outbox {
        events,
        missed: Arc::clone(&missed),
    };
    (
        outbox,
        send(database.in_background(TIMEOUT), own, waiting, missed),
    )
}

async fn send(
    database: Database,
    own: String,
    mut waiting: mpsc::Receiver<Event>,
    missed: Arc<AtomicBool>,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        if missed.swap(false, Ordering::AcqRel) {
            batch.push(Event::Missed);
        }
        // One word for the same hint in a row.
        batch.dedup();
        let said = batch.drain(..);
        let said: Vec<String> = said
            .map(|event| format!("{own} {}", payload::write(event)))
            .collect();
        let notify = sqlx::query(NOTIFY).bind(CHANNEL).bind(said);
        if let Err(error) = database.execute(notify).await {
            if database.pool.is_closed() {
                return;
            }
            tracing::warn!(%error, "other processes were not notified");
            missed.store(true, Ordering::Release);
            sleep(PAUSE).await;
        }
    }
}
