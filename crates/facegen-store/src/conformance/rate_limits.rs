//! The tests of every [`RateLimitStore`](facegen_core::store::RateLimitStore).

use std::time::Duration;

use facegen_core::store::Stores;

use super::key;

pub(super) async fn all(stores: &Stores) {
    let rates = &stores.rate_limits;
    let (one, other) = (key(stores, "one").await.id, key(stores, "other").await.id);
    let second = Duration::from_secs(1);
    let now = 1_000 * second;
    assert_eq!(rates.count(one, 2, now).await.unwrap(), Ok(()));
    assert_eq!(
        rates.count(one, 2, now + 10 * second).await.unwrap(),
        Ok(())
    );
    let wait = rates.count(one, 2, now + 20 * second).await.unwrap();
    assert_eq!(wait, Err(40 * second));
    assert_eq!(
        rates.count(other, 2, now + 20 * second).await.unwrap(),
        Ok(())
    );
    assert_eq!(
        rates.count(one, 2, now + 60 * second).await.unwrap(),
        Ok(()),
        "what was refused does not count"
    );
}
