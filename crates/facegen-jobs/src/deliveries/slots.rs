//! Which deliveries may begin.
//!
//! A receiver that does not answer keeps a slot until its timeout. So no key
//! and no receiver has more than two, and retries and receivers that were slow
//! get only half of all slots: the others are always left for first attempts to
//! receivers that were not slow.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::task::Id;
use tokio::time::Instant;

use facegen_core::key::KeyId;
use facegen_core::store::{Delivery, DeliveryFilter, DeliveryKind};

/// How many deliveries of one key, and how many to one receiver, are in flight
/// at once.
pub(super) const EACH: usize = 2;

/// A receiver that takes longer counts as slow until it was faster.
const SLOW: Duration = Duration::from_secs(5);

/// How long a receiver that was slow is remembered.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Returns how many deliveries of this kind are in flight at once. Each upload
/// has an image in memory.
pub(super) const fn all(kind: DeliveryKind) -> usize {
    match kind {
        DeliveryKind::Webhook => 128,
        DeliveryKind::Upload => 32,
    }
}

/// The slots of one kind of deliveries.
pub(super) struct Slots {
    kind: DeliveryKind,
    in_flight: HashMap<Id, Slot>,
    /// When these receivers were slow.
    slow: HashMap<String, Instant>,
}

/// A delivery in flight.
struct Slot {
    delivery: i64,
    key: KeyId,
    receiver: String,
    /// Whether it takes one of the slots for what may take long.
    patient: bool,
    since: Instant,
}

impl Slots {
    /// Creates slots that are all free.
    pub(super) fn new(kind: DeliveryKind) -> Self {
        Self {
            kind,
            in_flight: HashMap::new(),
            slow: HashMap::new(),
        }
    }

    /// Returns the filters for the next delivery, in the order of their preference.
    pub(super) fn lines(&self) -> Vec<DeliveryFilter> {
        let free = all(self.kind) - self.in_flight.len();
        let patient = self.in_flight.values().filter(|slot| slot.patient);
        if free == 0 {
            Vec::new()
        } else if patient.count() >= all(self.kind) / 2 {
            vec![self.line(true, false)]
        } else if self.slow.is_empty() {
            vec![self.line(true, false), self.line(false, false)]
        } else {
            let lines = [(true, false), (false, false), (true, true), (false, true)];
            lines.map(|(first, slow)| self.line(first, slow)).into()
        }
    }

    /// Returns the filter of what may begin, with or without receivers that were slow.
    fn line(&self, first: bool, slow: bool) -> DeliveryFilter {
        let slots = || self.in_flight.values();
        let mut without_receivers = busy(slots().map(|slot| slot.receiver.as_str()));
        if !slow {
            without_receivers.extend(self.slow.keys().map(String::as_str));
        }
        let without_keys = busy(slots().map(|slot| slot.key.get()));
        DeliveryFilter {
            kind: self.kind,
            first,
            without_receivers: without_receivers.into_iter().map(str::to_owned).collect(),
            without_keys,
        }
    }

    /// Records that a delivery is in flight in this task.
    pub(super) fn begin(&mut self, task: Id, delivery: &Delivery) {
        let receiver = delivery.receiver.clone();
        let slot = Slot {
            delivery: delivery.id,
            key: delivery.key,
            patient: delivery.attempt_since_asked > 1 || self.slow.contains_key(&receiver),
            receiver,
            since: Instant::now(),
        };
        self.in_flight.insert(task, slot);
    }

    /// Frees the slot of a task that has ended.
    pub(super) fn end(&mut self, task: Id) {
        let Some(slot) = self.in_flight.remove(&task) else {
            return;
        };
        if slot.since.elapsed() < SLOW {
            self.slow.remove(&slot.receiver);
            return;
        }
        self.slow.retain(|_, since| since.elapsed() < REMEMBERED);
        self.slow.insert(slot.receiver, Instant::now());
    }

    /// Returns the numbers of all deliveries in flight.
    pub(super) fn in_flight(&self) -> Vec<i64> {
        let slots = self.in_flight.values();
        slots.map(|slot| slot.delivery).collect()
    }
}

/// Returns the items that occur as often as they may.
fn busy<T: Eq + Hash + Copy>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut counts = HashMap::new();
    for one in all {
        *counts.entry(one).or_insert(0_usize) += 1;
    }
    let busy = counts.into_iter().filter(|(_, count)| *count >= EACH);
    busy.map(|(one, _)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use facegen_core::job::JobId;

    fn delivery(key: i64, receiver: &str, attempt: u32) -> Delivery {
        Delivery {
            id: key,
            kind: DeliveryKind::Webhook,
            name: String::new(),
            job: JobId::new(1).unwrap(),
            key: KeyId::new(key),
            receiver: receiver.to_owned(),
            attempt,
            attempt_since_asked: attempt,
        }
    }

    /// Begins a delivery in a task of its own.
    fn begin(slots: &mut Slots, delivery: &Delivery) -> Id {
        let task = tokio::spawn(async {}).id();
        slots.begin(task, delivery);
        task
    }

    /// Returns the filters: whether only first attempts, and whether slow ones too.
    fn lines(slots: &Slots) -> Vec<(bool, bool)> {
        let knows_slow = |line: &DeliveryFilter| {
            let mut slow = slots.slow.keys();
            slow.all(|receiver| line.without_receivers.contains(receiver))
        };
        let lines = slots.lines();
        lines
            .iter()
            .map(|line| (line.first, !knows_slow(line)))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_and_a_receiver_have_two_slots_each() {
        let mut slots = Slots::new(DeliveryKind::Webhook);
        begin(&mut slots, &delivery(1, "a", 1));
        let line = &slots.lines()[0];
        assert!(line.without_keys.is_empty() && line.without_receivers.is_empty());
        begin(&mut slots, &delivery(1, "b", 1));
        let task = begin(&mut slots, &delivery(2, "b", 1));
        let line = &slots.lines()[0];
        assert_eq!(
            (&line.without_keys[..], &line.without_receivers[..]),
            (&[1][..], &["b".to_owned()][..])
        );
        slots.end(task);
        assert!(slots.lines()[0].without_receivers.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_was_slow_comes_later_until_it_is_fast_again() {
        let mut slots = Slots::new(DeliveryKind::Webhook);
        let task = begin(&mut slots, &delivery(1, "a", 1));
        assert_eq!(lines(&slots), [(true, false), (false, false)]);
        tokio::time::advance(SLOW).await;
        slots.end(task);
        let all = [(true, false), (false, false), (true, true), (false, true)];
        assert_eq!(lines(&slots), all);
        let task = begin(&mut slots, &delivery(1, "a", 1));
        assert!(slots.in_flight[&task].patient);
        tokio::time::advance(SLOW / 2).await;
        slots.end(task);
        assert_eq!(lines(&slots), all[..2]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_take_long_leaves_half_of_the_slots() {
        let mut slots = Slots::new(DeliveryKind::Webhook);
        for key in 0..64 {
            assert_eq!(slots.lines().len(), 2);
            begin(&mut slots, &delivery(key, &key.to_string(), 2));
        }
        assert_eq!(lines(&slots), [(true, false)]);
        for key in 64..128 {
            assert_eq!(slots.lines().len(), 1);
            begin(&mut slots, &delivery(key, &key.to_string(), 1));
        }
        assert!(slots.lines().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn receivers_that_were_slow_long_ago_are_forgotten() {
        let mut slots = Slots::new(DeliveryKind::Webhook);
        for key in 0..3 {
            let task = begin(&mut slots, &delivery(key, &key.to_string(), 1));
            tokio::time::advance(REMEMBERED / 2).await;
            slots.end(task);
        }
        assert_eq!(slots.slow.len(), 2);
    }
}
