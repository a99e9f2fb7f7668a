//! Every write, each with what it needs.

use facegen_core::Clock as _;
use facegen_core::fake::requests::with_webhook;
use facegen_core::idempotency::Idempotency;
use facegen_core::job::{Outcome, Stages};
use facegen_core::key::KeyRole;
use facegen_core::key_limits::OwnLimits;
use facegen_core::store::{BucketRow, ClaimScope, ImageLocation, NewKey, Success};

use super::site::{HOUR, LIMITS, Path, died, failure, unique, webhooks, worker};
use crate::sqlite::tests::{key, new_key};

/// A path of this name, whose body may use `?`.
macro_rules! path {
    ($name:literal, $site:ident, $body:block) => {
        ($name, |$site| {
            Box::pin(async move {
                $body
                Ok(())
            })
        })
    };
}

/// Returns all writes.
pub(super) fn paths() -> Vec<Path> {
    let mut paths = queue_paths();
    paths.extend(ending_paths());
    paths.extend(delivery_paths());
    paths.extend(key_paths());
    paths
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn queue_paths() -> Vec<Path> {
    vec![
        path!("insert", site, {
            site.clear().await;
            let job = site.new_job();
            site.arm();
            site.queue.insert(&job, LIMITS).await?.unwrap();
        }),
        path!("insert once", site, {
            site.clear().await;
            let job = site.new_job();
            let name = unique();
            let idempotency = Idempotency::new(&name, "", &job.request, true, &job.face);
            site.arm();
            site.queue.insert_once(&job, &idempotency, LIMITS).await?;
        }),
        path!("claim", site, {
            site.inserted().await;
            let now = site.clock.now();
            site.arm();
            site.queue
                .claim(ClaimScope::Any, &worker(), now, now + HOUR)
                .await?;
        }),
        path!("heartbeat", site, {
            let fence = site.claimed().await.fence;
            site.arm();
            let until = site.clock.now() + HOUR;
            assert!(site.queue.heartbeat(fence, until).await?);
        }),
        path!("enter", site, {
            let fence = site.claimed().await.fence;
            site.arm();
            assert!(site.queue.enter(fence).await?);
        }),
        path!("release", site, {
            let fence = site.claimed().await.fence;
            site.arm();
            assert!(site.queue.release(fence).await?);
        }),
        path!("fit", site, {
            let fence = site.claimed().await.fence;
            // SQLite writes nothing where nothing changes.
            let fitted = with_webhook(&unique());
            site.arm();
            assert!(site.queue.resolve_size(fence, &fitted).await?);
        }),
        path!("warn", site, {
            let fence = site.claimed().await.fence;
            let warnings = [unique()];
            site.arm();
            assert!(site.queue.warn(fence, &warnings).await?);
        }),
        path!("reclaim", site, {
            site.claimed().await;
            site.arm();
            let (dead, now) = (died(), site.clock.now());
            site.queue.reclaim(&dead, 3, now).await?;
        }),
        path!("bury", site, {
            site.claimed().await;
            site.arm();
            let (dead, now) = (died(), site.clock.now());
            site.queue.reclaim(&dead, 1, now).await?;
        }),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn ending_paths() -> Vec<Path> {
    vec![
        path!("finish", site, {
            let fence = site.claimed().await.fence;
            let success = Success {
                now: site.clock.now(),
                location: ImageLocation::Directory {
                    expires_at: site.clock.now() + HOUR,
                    upload: true,
                },
                warnings: Vec::new(),
                outcome: Outcome {
                    generation_time: HOUR,
                    stages: Stages::default(),
                    images: Vec::new(),
                    engine: None,
                },
            };
            site.arm();
            assert!(site.queue.finish(fence, &success).await?);
        }),
        path!("fail", site, {
            let fence = site.claimed().await.fence;
            site.arm();
            let now = site.clock.now();
            assert!(site.queue.fail(fence, &failure(), now).await?);
        }),
        path!("cancel", site, {
            let job = site.inserted().await;
            site.arm();
            let now = site.clock.now();
            assert!(site.queue.cancel(site.key, job.id, &failure(), now).await?);
        }),
        path!("clear", site, {
            site.inserted().await;
            site.arm();
            let now = site.clock.now();
            site.queue.clear(None, &failure(), now).await?;
        }),
        path!("erase", site, {
            let id = site.ended().await;
            site.arm();
            assert!(site.queue.erase(site.key, id, site.clock.now()).await?);
        }),
        path!("note erased", site, {
            let id = site.ended().await;
            site.arm();
            site.stores
                .housekeeping
                .images_deleted(id, site.clock.now())
                .await?;
        }),
        path!("delete rows", site, {
            site.ended().await;
            site.arm();
            let now = site.clock.now();
            site.stores.housekeeping.delete_rows(now, now).await?;
        }),
        path!("truncate the log", site, {
            site.inserted().await;
            site.arm();
            site.stores.housekeeping.compact().await?;
        }),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn delivery_paths() -> Vec<Path> {
    vec![
        path!("claim a delivery", site, {
            site.ended().await;
            let now = site.clock.now();
            site.arm();
            site.stores
                .deliveries
                .claim(&webhooks(), &worker(), now, now)
                .await?;
        }),
        path!("end a delivery", site, {
            let delivery = site.delivery().await;
            site.arm();
            let now = site.clock.now();
            site.stores.deliveries.finish(&delivery, None, now).await?;
        }),
        path!("postpone a delivery", site, {
            let delivery = site.delivery().await;
            site.arm();
            let now = site.clock.now();
            site.stores
                .deliveries
                .postpone(&delivery, "why", now)
                .await?;
        }),
        path!("release a delivery", site, {
            let delivery = site.delivery().await;
            site.arm();
            site.stores.deliveries.release(&delivery).await?;
        }),
        path!("recover deliveries", site, {
            site.delivery().await;
            site.arm();
            site.stores.deliveries.reclaim_worker(&worker()).await?;
        }),
        path!("replay a delivery", site, {
            let delivery = site.delivery().await;
            let now = site.clock.now();
            site.stores
                .deliveries
                .finish(&delivery, None, now)
                .await
                .unwrap();
            site.arm();
            let name = &delivery.name;
            assert!(site.stores.deliveries.replay(site.key, name, now).await?);
        }),
        path!("note uploaded", site, {
            let claim = site.claimed().await;
            let ended = "UPDATE generations SET state = 'succeeded', finished_at = 0 WHERE id = ?";
            let ended = sqlx::query(ended).bind(claim.job.id.get());
            ended.execute(&site.store.writer).await.unwrap();
            site.arm();
            let (id, attempt) = (claim.job.id, claim.fence.attempt);
            assert!(
                site.queue
                    .images_uploaded(id, attempt, "https://a/")
                    .await?
            );
        }),
    ]
}

/// A bucket that differs from others by its region.
fn bucket(region: String) -> BucketRow {
    BucketRow {
        endpoint_url: String::new(),
        region,
        image_directory: String::new(),
        public_url: String::new(),
        access_key_id: Vec::new(),
        secret_access_key: Vec::new(),
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn key_paths() -> Vec<Path> {
    vec![
        path!("insert an upload", site, {
            let upload = site.upload();
            site.arm();
            site.stores.uploads.insert(&upload, 0).await?;
        }),
        path!("delete an upload", site, {
            let id = site.stores.uploads.insert(&site.upload(), 0).await;
            let id = id.unwrap().unwrap();
            site.arm();
            site.stores.uploads.delete(id.into()).await?;
        }),
        path!("set the limits of a key", site, {
            let key = key(&site.stores, &unique()).await;
            site.arm();
            let limits = OwnLimits {
                requests_per_minute: Some(7),
                ..OwnLimits::default()
            };
            site.stores.keys.set_limits(key.id, limits).await?;
        }),
        path!("revoke a key", site, {
            let key = key(&site.stores, &unique()).await;
            site.arm();
            site.stores.keys.revoke(key.id, site.clock.now()).await?;
        }),
        path!("insert a key", site, {
            let key = new_key(&unique());
            site.arm();
            site.stores.keys.insert(&key).await?;
        }),
        path!("insert the first key", site, {
            let keys = &site.stores.keys;
            let now = site.clock.now();
            for key in keys.list().await.unwrap() {
                if key.role == KeyRole::Admin && key.revoked_at.is_none() {
                    assert!(keys.revoke(key.id, now).await.unwrap());
                }
            }
            let first = NewKey {
                role: KeyRole::Admin,
                ..new_key(&unique())
            };
            site.arm();
            assert!(keys.insert_first(&first).await?.is_some());
        }),
        path!("replace the hash of a key", site, {
            let hash = new_key(&unique()).hash;
            site.arm();
            let replaced = site.stores.keys.replace_hash("a", &hash).await?;
            assert!(replaced.is_some());
        }),
        path!("keep the body of a webhook", site, {
            let delivery = site.delivery().await;
            site.arm();
            let kept = site.stores.deliveries.keep_body(&delivery, "{}").await?;
            assert_eq!(kept.as_deref(), Some("{}"));
        }),
        path!("set the bucket of a key", site, {
            let row = bucket(unique());
            site.arm();
            let now = site.clock.now();
            site.stores.buckets.set(site.key, &row, now).await?;
        }),
        path!("forget the bucket of a key", site, {
            let row = bucket(String::new());
            let now = site.clock.now();
            let set = site.stores.buckets.set(site.key, &row, now).await;
            set.unwrap();
            site.arm();
            assert!(site.stores.buckets.remove(site.key).await?);
        }),
    ]
}
