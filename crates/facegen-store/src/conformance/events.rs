//! The tests of every [`Events`](facegen_core::store::Events).

use facegen_core::job::JobId;
use facegen_core::store::{DeliveryKind, Event, Stores};
use futures_util::FutureExt as _;

pub(super) async fn all(stores: &Stores) {
    let events = &stores.events;
    let job = JobId::new(7).unwrap();
    events.publish(Event::JobQueued);
    let (mut one, mut other) = (events.subscribe(), events.subscribe());
    assert!(
        one.next().now_or_never().is_none(),
        "only what comes from now on"
    );
    let sent = [
        Event::JobQueued,
        Event::Progress {
            job,
            step: 1,
            steps: 21,
        },
        Event::JobCancelled(job),
        Event::JobEnded(job),
        Event::DeliveryDue(DeliveryKind::Webhook),
    ];
    sent.into_iter().for_each(|event| events.publish(event));
    for event in sent {
        assert_eq!(one.next().await, event);
    }
    // A subscriber that is far behind loses events, and is notified of that.
    for _ in 0..10_000 {
        events.publish(Event::JobQueued);
    }
    events.publish(Event::JobEnded(job));
    let mut missed = false;
    loop {
        match other.next().await {
            Event::Missed => missed = true,
            Event::JobEnded(_) => break,
            event @ (Event::JobQueued
            | Event::DeliveryDue(_)
            | Event::Ordered
            | Event::JobCancelled(_)
            | Event::Progress { .. }) => assert_eq!(event, Event::JobQueued),
        }
    }
    assert!(missed);
}
