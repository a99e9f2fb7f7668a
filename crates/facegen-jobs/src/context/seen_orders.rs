//! Which orders of an operator this process has carried out.

use std::sync::{Arc, Mutex, PoisonError};

use facegen_core::store::{Order, Orders};

/// How often each order was carried out or was there before this process.
/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenOrders(Arc<Mutex<Option<Orders>>>);

impl SeenOrders {
    /// Returns whether the node has sent a heartbeat.
    pub(crate) fn is_known(&self) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_some()
    }

    /// Records that this order was given so often, and that this process has
    /// carried it out.
    pub(crate) fn carried_out(&self, order: Order, count: i64) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = &mut *seen {
            *seen = seen.with(order, count.max(seen.count(order)));
        }
    }

    /// Returns the orders that are new. Those that were given before the first
    /// call are none: this process has started after them.
    pub(crate) fn update(&self, given: Orders) -> Vec<Order> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let former = *seen.get_or_insert(given);
        let is_new = |order: &Order| given.count(*order) > former.count(*order);
        let new: Vec<Order> = Order::ALL.into_iter().filter(is_new).collect();
        // Not the others: an order that was carried out since `given` was read has a larger number.
        let latest = |seen: Orders, order: &Order| seen.with(*order, given.count(*order));
        *seen = Some(new.iter().fold(former, latest));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_orders_of_others_that_are_new_are_carried_out() {
        let seen = SeenOrders::default();
        let given = Orders {
            restart: 4,
            update: 2,
            clear_cache: 0,
        };
        assert!(seen.update(given).is_empty(), "given before the start");
        assert!(seen.update(given).is_empty());
        assert_eq!(seen.update(given.with(Order::Restart, 6)), [Order::Restart]);
        seen.carried_out(Order::Update, 3);
        let given = Orders {
            restart: 6,
            update: 3,
            clear_cache: 1,
        };
        assert_eq!(seen.update(given), [Order::ClearCache]);
    }

    #[test]
    fn an_order_that_was_carried_out_while_others_were_read_is_not_new() {
        let (seen, read) = (SeenOrders::default(), Orders::default());
        assert!(seen.update(read).is_empty());
        seen.carried_out(Order::Restart, 1);
        assert!(seen.update(read).is_empty(), "read before it was given");
        let given = read.with(Order::Restart, 1);
        assert!(seen.update(given).is_empty(), "carried out here");
    }
}
