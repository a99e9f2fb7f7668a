//! The tests of every [`BucketStore`](facegen_core::store::BucketStore).

use facegen_core::store::{BucketRow, Stores};

use super::{START, key};

fn row(region: &str) -> BucketRow {
    BucketRow {
        endpoint_url: "https://s3.example".into(),
        region: region.into(),
        image_directory: "faces".into(),
        public_url: "https://cdn.example/".into(),
        access_key_id: vec![0, 1, 255],
        secret_access_key: vec![2; 40],
    }
}

pub(super) async fn all(stores: &Stores) {
    let buckets = &stores.buckets;
    let (one, other) = (key(stores, "one").await.id, key(stores, "other").await.id);
    assert_eq!(buckets.get(one).await.unwrap(), None);
    assert!(!buckets.remove(one).await.unwrap());

    buckets.set(one, &row("first"), START).await.unwrap();
    buckets.set(one, &row("second"), START).await.unwrap();
    assert_eq!(buckets.get(one).await.unwrap(), Some(row("second")));
    assert_eq!(buckets.get(other).await.unwrap(), None);
    buckets.set(other, &row("third"), START).await.unwrap();
    assert_eq!(buckets.count().await.unwrap(), 2);
    stores.keys.revoke(other, START).await.unwrap();
    assert_eq!(buckets.count().await.unwrap(), 1);

    assert!(buckets.remove(one).await.unwrap());
    assert_eq!(buckets.get(one).await.unwrap(), None);
    assert_eq!(buckets.get(other).await.unwrap(), Some(row("third")));
}
