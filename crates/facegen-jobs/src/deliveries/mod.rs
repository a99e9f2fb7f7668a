//! Delivers what was written in the transaction that ended its job: webhooks,
//! and images for a bucket that did not take them. Each is delivered at least
//! once; receivers recognise repeated webhooks by their id. No delivery delays
//! a generation, and neither kind delays the other.

mod schedule;
mod slots;
#[cfg(test)]
mod tests;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::StoreError;
use facegen_core::store::{Delivery, DeliveryKind, Event, Subscription};
use facegen_core::{WebhookMessage, WebhookOutcome};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::broken_task;
use crate::context::DeliveryContext;
use crate::metrics;
use slots::Slots;

/// How often the deliveries are polled.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A sender that takes longer counts as dead; a webhook never takes longer than
/// half a minute, and an upload is stopped before.
const LEASE: Duration = Duration::from_mins(2);

/// Runs the deliveries of one kind.
pub(crate) struct Deliveries {
    context: Arc<DeliveryContext>,
    kind: DeliveryKind,
    /// Cancelled when none is claimed any more.
    stop_claiming: CancellationToken,
    /// Cancelled when those in flight are to be requeued.
    hand_back: CancellationToken,
    sending: JoinSet<()>,
    slots: Slots,
}

impl Deliveries {
    /// Creates the deliveries of one kind, without starting them.
    pub(crate) fn new(
        context: Arc<DeliveryContext>,
        kind: DeliveryKind,
        stop_claiming: CancellationToken,
        hand_back: CancellationToken,
    ) -> Self {
        Self {
            context,
            kind,
            stop_claiming,
            hand_back,
            sending: JoinSet::new(),
            slots: Slots::new(kind),
        }
    }

    /// Delivers until no more are claimed and none is in flight.
    pub(crate) async fn run(mut self) {
        let (context, stop_claiming) = (Arc::clone(&self.context), self.stop_claiming.clone());
        // Before the first query, so that no event is missed in between.
        let (mut events, kind) = (context.storage.stores.events.subscribe(), self.kind);
        while !(stop_claiming.is_cancelled() && self.sending.is_empty()) {
            if let Err(error) = self.claim_what_fits().await {
                tracing::error!(%error, "failed to claim delivery");
            }
            tokio::select! {
                () = woken(&mut *events, kind) => {}
                () = sleep(POLL_INTERVAL) => {}
                () = stop_claiming.cancelled(), if !stop_claiming.is_cancelled() => {}
                Some(sent) = self.sending.join_next_with_id() => self.ended(sent),
            }
        }
    }

    async fn claim_what_fits(&mut self) -> Result<(), StoreError> {
        let (context, kind) = (Arc::clone(&self.context), self.kind);
        let now = context.storage.clock.now();
        let in_flight = self.slots.in_flight();
        let deliveries = &context.storage.stores.deliveries;
        deliveries.reclaim_expired(kind, &in_flight, now).await?;
        while !self.stop_claiming.is_cancelled() {
            let Some(delivery) = self.claim().await? else {
                break;
            };
            let deliver = deliver(
                Arc::clone(&context),
                delivery.clone(),
                self.hand_back.clone(),
            );
            let task = self.sending.spawn(deliver);
            self.slots.begin(task.id(), &delivery);
        }
        Ok(())
    }

    /// Claims the next delivery, from the first filter that has one.
    async fn claim(&self) -> Result<Option<Delivery>, StoreError> {
        let DeliveryContext {
            storage, worker, ..
        } = &*self.context;
        for line in self.slots.lines() {
            let now = self.context.storage.clock.now();
            let claimed = storage
                .stores
                .deliveries
                .claim(&line, worker, now, now + LEASE)
                .await?;
            if claimed.is_some() {
                return Ok(claimed);
            }
        }
        Ok(None)
    }

    fn ended(&mut self, sent: Result<(Id, ()), JoinError>) {
        let task = match sent {
            Ok((task, ())) => task,
            Err(error) => {
                tracing::error!(
                    reason = broken_task::reason(&error),
                    "delivery task panicked"
                );
                error.id()
            }
        };
        self.slots.end(task);
    }
}

/// Makes one attempt and writes its outcome.
async fn deliver(context: Arc<DeliveryContext>, delivery: Delivery, hand_back: CancellationToken) {
    let written = match hand_back
        .run_until_cancelled(send(&context, &delivery))
        .await
    {
        Some(Ok(outcome)) => write_outcome(&context, &delivery, outcome).await,
        Some(Err(error)) => Err(error),
        None => context.storage.stores.deliveries.release(&delivery).await,
    };
    if let Err(error) = written {
        // Its lease runs out, and it is tried again.
        let kind = delivery.kind.as_str();
        tracing::error!(%error, kind, job = %delivery.job, "failed to update delivery");
    }
}

async fn send(
    context: &DeliveryContext,
    delivery: &Delivery,
) -> Result<WebhookOutcome, StoreError> {
    match delivery.kind {
        DeliveryKind::Webhook => send_webhook(context, delivery).await,
        DeliveryKind::Upload => upload::upload(context, delivery).await,
    }
}

fn refused(reason: &str) -> WebhookOutcome {
    WebhookOutcome::Refused {
        reason: reason.into(),
    }
}

async fn send_webhook(
    context: &DeliveryContext,
    delivery: &Delivery,
) -> Result<WebhookOutcome, StoreError> {
    if schedule::is_beyond_last(delivery) {
        return Ok(refused("every attempt at this delivery broke down"));
    }
    let Some(job) = context.storage.stores.jobs.find(None, delivery.job).await? else {
        return Ok(refused("the job is not there any more"));
    };
    let Some(url) = job.request.delivery.webhook.as_ref() else {
        return Ok(refused("the job has no webhook"));
    };
    let body = (context.webhook_body)(&job, context.storage.clock.now());
    let kept = context
        .storage
        .stores
        .deliveries
        .keep_body(delivery, &body)
        .await?;
    let Some(body) = kept else {
        return Ok(refused("another sender has this delivery"));
    };
    let master_key = &context.master_key;
    let signs = context.storage.config().sign_webhooks;
    let message = WebhookMessage {
        id: delivery.name.clone(),
        url: url.clone(),
        body,
        secret: signs.then(|| master_key.webhook_secret(delivery.key)),
    };
    Ok(context.webhooks.send(&message).await)
}

async fn write_outcome(
    context: &DeliveryContext,
    delivery: &Delivery,
    outcome: WebhookOutcome,
) -> Result<(), StoreError> {
    let (now, store) = (
        context.storage.clock.now(),
        &context.storage.stores.deliveries,
    );
    let (job, attempt) = (delivery.job, delivery.attempt);
    let kind = delivery.kind.as_str();
    let dead = match outcome {
        WebhookOutcome::Delivered => {
            metrics::delivery(kind, "delivered");
            return store.finish(delivery, None, now).await;
        }
        WebhookOutcome::Retry { after, reason } => {
            if let Some(pause) = schedule::pause_after(delivery, after) {
                tracing::info!(%job, kind, attempt, reason, ?pause, "delivery failed, will be retried");
                metrics::delivery(kind, "retry");
                return store.postpone(delivery, &reason, now + pause).await;
            }
            reason
        }
        WebhookOutcome::Refused { reason } => reason,
    };
    tracing::warn!(%job, kind, attempt, reason = dead, "delivery failed, no attempts left");
    metrics::delivery(kind, "dead");
    store.finish(delivery, Some(&dead), now).await
}

/// Returns when there may be something of this kind to deliver.
async fn woken(events: &mut dyn Subscription, kind: DeliveryKind) {
    let is_due =
        |event| matches!(event, Event::DeliveryDue(due) if due == kind) || event == Event::Missed;
    while !is_due(events.next().await) {}
}
