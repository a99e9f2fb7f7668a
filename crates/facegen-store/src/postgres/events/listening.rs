//! How a process hears the others.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::{Event, Events as _};
use sqlx::Executor as _;
use sqlx::postgres::{PgListener, PgNotification, PgPool};
use tokio::time::{sleep, timeout};

use super::payload::{self, CHANNEL};
use crate::memory::MemoryEvents;
use crate::postgres::bounded::bounded;

/// After how long a silence the connection is tried: one whose other end has
/// vanished is silent, too.
const SILENCE: Duration = Duration::from_secs(30);

/// How long the connection may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long it takes until a connection is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// Connects, and listens from then on.
pub(super) async fn connect(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    bounded(TIMEOUT, listener.listen(CHANNEL)).await?;
    Ok(listener)
}

/// Passes on what other processes say until the pool is closed.
pub(super) async fn listen(
    mut listener: PgListener,
    pool: PgPool,
    own: String,
    local: Arc<MemoryEvents>,
) {
    loop {
        match hear(&mut listener).await {
            Ok(Heard::Said(said)) => pass_on(&said, &own, &local),
            Ok(Heard::Nothing) => {}
            // It is connected again, and what was said in between is lost.
            Ok(Heard::Lost) => local.publish(Event::Missed),
            Err(sqlx::Error::PoolClosed) => return,
            Err(error) => {
                tracing::warn!(%error, "connection that listens was lost");
                drop(listener);
                let Some(again) = reconnect(&pool).await else {
                    return;
                };
                listener = again;
                local.publish(Event::Missed);
            }
        }
    }
}

enum Heard {
    Said(PgNotification),
    Nothing,
    Lost,
}

async fn hear(listener: &mut PgListener) -> Result<Heard, sqlx::Error> {
    match timeout(SILENCE, listener.try_recv()).await {
        Ok(said) => Ok(said?.map_or(Heard::Lost, Heard::Said)),
        Err(_) => {
            let answered = bounded(TIMEOUT, listener.execute("SELECT 1")).await;
            answered.map(|_| Heard::Nothing)
        }
    }
}

fn pass_on(said: &PgNotification, own: &str, local: &MemoryEvents) {
    match said.payload().split_once(' ') {
        Some((origin, _)) if origin == own => {}
        Some((_, text)) => local.publish(payload::read(text)),
        None => local.publish(Event::Missed),
    }
}

/// Connects as soon as that works; never once the pool is closed.
async fn reconnect(pool: &PgPool) -> Option<PgListener> {
    loop {
        sleep(PAUSE).await;
        match connect(pool).await {
            Ok(listener) => return Some(listener),
            Err(sqlx::Error::PoolClosed) => return None,
            Err(error) => tracing::debug!(%error, "failed to listen"),
        }
    }
}
