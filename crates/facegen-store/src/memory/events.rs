//! Events within one process.

use async_trait::async_trait;
use facegen_core::store::{Event, Events, Subscription};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How many events a slow subscriber may be behind before it misses some.
const CAPACITY: usize = 1024;

/// Events within one process.
#[derive(Debug)]
pub(crate) struct MemoryEvents(broadcast::Sender<Event>);

impl Default for MemoryEvents {
    fn default() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }
}

impl Events for MemoryEvents {
    fn publish(&self, event: Event) {
        // It is not an error when there is no subscriber.
        let _ = self.0.send(event);
    }

    fn subscribe(&self) -> Box<dyn Subscription> {
        Box::new(MemorySubscription(self.0.subscribe()))
    }
}

struct MemorySubscription(broadcast::Receiver<Event>);

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(&mut self) -> Event {
        match self.0.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(_)) => Event::Missed,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
