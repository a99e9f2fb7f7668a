//! Events at all processes on one database, by `LISTEN` and `NOTIFY`.
//!
//! A process notifies its own subscribers at once, and the other processes through
//! the database. Whatever is lost on the way is made up for by
//! [`Event::Missed`]: rows decide, and who waits looks at them.

mod listening;
mod pace;
mod payload;
mod sending;

use std::sync::Arc;
use std::time::Instant;

use facegen_core::store::{Event, Events, StoreError, Subscription};
use sqlx::Row as _;
use tokio::task::JoinSet;

use self::pace::Pace;
use self::sending::Outbox;
use super::database::Database;
use crate::memory::MemoryEvents;
use crate::rows::failed;

/// The events of one process, and those of the others.
#[derive(Debug)]
pub(super) struct PostgresEvents {
    local: Arc<MemoryEvents>,
    outbox: Outbox,
    pace: Pace,
    /// They end with this process's last look at the events.
    _tasks: JoinSet<()>,
}

impl PostgresEvents {
    /// Listens from now on.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub(super) async fn listen(database: &Database) -> Result<Self, StoreError> {
        // What this process says comes back to it, too.
        let own = database.one(sqlx::query("SELECT gen_random_uuid()::text"));
        let own: String = own.await?.try_get(0).map_err(failed)?;
        let local = Arc::new(MemoryEvents::default());
        let mut tasks = JoinSet::new();
        let listener = listening::connect(&database.pool).await.map_err(failed)?;
        tasks.spawn(listening::listen(
            listener,
            database.pool.clone(),
            own.clone(),
            Arc::clone(&local),
        ));
        let (outbox, sending) = sending::outbox(database, own);
        tasks.spawn(sending);
        Ok(Self {
            local,
            outbox,
            pace: Pace::default(),
            _tasks: tasks,
        })
    }
}

impl Events for PostgresEvents {
    fn publish(&self, event: Event) {
        self.local.publish(event);
        if self.pace.admits(event, Instant::now()) {
            self.outbox.put(event);
        }
    }

    fn subscribe(&self) -> Box<dyn Subscription> {
        self.local.subscribe()
    }
}
