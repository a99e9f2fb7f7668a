//! Tests of every write on a disk that is full or fails, and without memory, at
//! every point at which SQLite writes.

mod vfs;

use std::sync::Arc;
use std::time::Duration;

use facegen_core::fake::ManualClock;
use facegen_core::fake::requests::with_webhook;
use facegen_core::idempotency::Idempotency;
use facegen_core::job::{Failure, Job, JobId, Outcome, Stages};
use facegen_core::key::KeyId;
use facegen_core::key_limits::OwnLimits;
use facegen_core::redact::FaceImage;
use facegen_core::store::{
    BucketRow, Claim, ClaimScope, DeadWorkers, Delivery, DeliveryFilter, DeliveryKind,
    ImageLocation, JobStore, NewJob, NewUpload, QueueLimits, StoreFault, Success, WorkerId,
};
use facegen_core::{Clock, ErrorCode, FaceSource, FilePrefix};
use futures_util::future::BoxFuture;
use libsqlite3_sys::{SQLITE_FULL, SQLITE_IOERR_NOMEM, SQLITE_IOERR_WRITE};
use tempfile::TempDir;
use uuid::Uuid;

use super::database::options;
use super::probe::writer_fault;
use super::tests::{key, new_key, stores};
use super::writer::pool_options;
use super::*;
use vfs::Faults;

const LIMITS: QueueLimits = QueueLimits {
    queue: 1_000_000,
    share: 0,
};

const HOUR: Duration = Duration::from_hours(1);

/// A database on a disk that fails, and the planned failure of the next write.
struct Site {
    faults: Faults,
    plan: Option<(i64, i32)>,
    store: Database,
    stores: Stores,
    queue: Arc<dyn JobStore>,
    key: KeyId,
    clock: ManualClock,
    directory: TempDir,
}

type Written<'a> = BoxFuture<'a, Result<(), StoreError>>;

/// A write: it prepares, arms the fault and writes.
type Path = (&'static str, for<'a> fn(&'a Site) -> Written<'a>);

impl Site {
    async fn new() -> Self {
        let faults = Faults::new();
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("jobs.sqlite");
        file::ensure_database(&database).unwrap();
        let options = options(&database)
            .vfs(vfs::NAME)
            .pragma("wal_autocheckpoint", "0")
            .busy_timeout(Duration::from_millis(20));
        let store = Database::connect(&database, options).await.unwrap();
        let clock = ManualClock::new();
        let stores = stores(&store);
        let key = key(&stores, "a").await;
        Self {
            faults,
            plan: None,
            queue: Arc::clone(&stores.jobs),
            stores,
            store,
            key: key.id,
            clock,
            directory,
        }
    }

    /// Makes writes fail as planned from here on.
    fn arm(&self) {
        if let Some((after, code)) = self.plan {
            self.faults.begin(after, code);
        }
    }

    /// Returns a job whose photo does not fit the cache, so that it is written
    /// before the transaction ends.
    fn new_job(&self) -> NewJob {
        NewJob {
            key: self.key,
            request: with_webhook("a person"),
            face: FaceSource::Inline(FaceImage::from(vec![7; 5 << 19])),
            file_prefix: prefix(),
            base_url: String::new(),
            priority: 0,
            preset: None,
            created_at: self.clock.now(),
        }
    }

    async fn inserted(&self) -> Job {
        let job = NewJob {
            face: FaceSource::Inline(FaceImage::from(vec![7; 9])),
            ..self.new_job()
        };
        self.queue.insert(&job, LIMITS).await.unwrap().unwrap()
    }

    /// Cancels all queued jobs, whose photos take room.
    async fn clear(&self) {
        let (failure, now) = (failure(), self.clock.now());
        self.queue.clear(None, &failure, now).await.unwrap();
    }

    /// Inserts and claims a job, the only one.
    async fn claimed(&self) -> Claim {
        self.clear().await;
        self.inserted().await;
        let now = self.clock.now();
        let claim = self
            .queue
            .claim(ClaimScope::Any, &worker(), now, now + HOUR)
            .await;
        claim.unwrap().unwrap()
    }

    async fn ended(&self) -> JobId {
        let claim = self.claimed().await;
        let now = self.clock.now();
        self.queue.fail(claim.fence, &failure(), now).await.unwrap();
        claim.job.id
    }

    async fn delivery(&self) -> Delivery {
        self.ended().await;
        let now = self.clock.now();
        let (filter, worker) = (webhooks(), worker());
        let deliveries = &self.stores.deliveries;
        let claimed = deliveries.claim(&filter, &worker, now, now);
        claimed.await.unwrap().unwrap()
    }

    fn upload(&self) -> NewUpload {
        NewUpload {
            key: self.key,
            file_prefix: prefix(),
            bytes: 9,
            created_at: self.clock.now(),
            expires_at: self.clock.now() + HOUR,
        }
    }
}

/// Returns the filter for first attempts of webhooks, of any key and receiver.
fn webhooks() -> DeliveryFilter {
    DeliveryFilter {
        kind: DeliveryKind::Webhook,
        first: true,
        without_receivers: Vec::new(),
        without_keys: Vec::new(),
    }
}

fn worker() -> WorkerId {
    WorkerId::new("a worker")
}

/// Returns the death of the worker.
fn died() -> DeadWorkers {
    DeadWorkers::Worker {
        id: worker(),
        death: Death::FromInside,
    }
}

/// Returns a unique name.
fn unique() -> String {
    Uuid::new_v4().simple().to_string()
}

fn prefix() -> FilePrefix {
    FilePrefix::from_random(Uuid::new_v4().as_u128())
}

fn failure() -> Failure {
    Failure {
        code: ErrorCode::Internal,
        message: "as the test wants it".into(),
    }
}

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
fn paths() -> Vec<Path> {
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
            let name = Uuid::new_v4().to_string();
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
            let fitted = with_webhook(&Uuid::new_v4().to_string());
            site.arm();
            assert!(site.queue.resolve_size(fence, &fitted).await?);
        }),
        path!("warn", site, {
            let fence = site.claimed().await.fence;
            let warnings = [Uuid::new_v4().to_string()];
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
            let row = BucketRow {
                endpoint_url: String::new(),
                region: Uuid::new_v4().to_string(),
                image_directory: String::new(),
                public_url: String::new(),
                access_key_id: Vec::new(),
                secret_access_key: Vec::new(),
            };
            site.arm();
            let now = site.clock.now();
            site.stores.buckets.set(site.key, &row, now).await?;
        }),
        path!("forget the bucket of a key", site, {
            let row = BucketRow {
                endpoint_url: String::new(),
                region: String::new(),
                image_directory: String::new(),
                public_url: String::new(),
                access_key_id: Vec::new(),
                secret_access_key: Vec::new(),
            };
            let now = site.clock.now();
            let set = site.stores.buckets.set(site.key, &row, now).await;
            set.unwrap();
            site.arm();
            assert!(site.stores.buckets.remove(site.key).await?);
        }),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_fails_with_the_disk_and_works_again_with_it() {
    let mut site = Site::new().await;
    let mut failed = 0;
    for (name, write) in paths() {
        for code in [SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_NOMEM] {
            // A photo has hundreds of pages.
            let (mut after, mut step) = (0, 1);
            loop {
                // SQLite does it after a commit, but reports no failure.
                site.stores.housekeeping.compact().await.unwrap();
                site.plan = Some((after, code));
                let written = write(&site).await;
                if !site.faults.end() {
                    written.unwrap();
                    break;
                }
                failed += 1;
                // Truncating the log reports failure in its result.
                if name != "truncate the log" {
                    let error = written.expect_err(name);
                    assert_eq!(error.code(), ErrorCode::Unavailable, "{name}: {error}");
                }
                site.plan = None;
                let again = write(&site).await;
                assert!(again.is_ok(), "{name} after {after}: {again:?}");
                (after, step) = (after + step, step + after / 8);
            }
            assert!(after > 0, "{name} writes nothing");
        }
    }
    assert!(failed > 300, "{failed}");
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&site.store.readers)
        .await
        .unwrap();
    assert_eq!(sound, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_writer_is_detected_and_so_is_its_recovery() {
    let site = Site::new().await;
    assert_eq!(writer_fault(&site.store, true).await, None);
    for code in [SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_NOMEM] {
        site.faults.begin(0, code);
        // A check that is not in doubt writes nothing.
        assert_eq!(writer_fault(&site.store, false).await, None);
        let unwritable = Some(StoreFault::Unwritable);
        assert_eq!(writer_fault(&site.store, true).await, unwritable);
        assert!(site.faults.end());
        assert_eq!(writer_fault(&site.store, true).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_casts_doubt_and_a_refused_one_does_not() {
    let site = Site::new().await;
    let doubted = || tokio::time::timeout(Duration::from_millis(50), site.store.writer.doubted());
    assert!(doubted().await.is_err());
    site.faults.begin(0, SQLITE_FULL);
    site.stores.keys.insert(&new_key("b")).await.unwrap_err();
    site.faults.end();
    assert!(doubted().await.is_ok());
    let twice =
        "INSERT INTO keys (id, name, role, hash, created_at) VALUES (1, 'a', 'plain', x'', 0)";
    let refused = sqlx::query(twice).execute(&site.store.writer).await;
    assert!(refused.is_err());
    assert!(doubted().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_process_holds_is_noticed() {
    let site = Site::new().await;
    let directory = site.directory.path().join("jobs.sqlite");
    let other = pool_options(1)
        .connect_with(options(&directory))
        .await
        .unwrap();
    let held = other.begin_with("BEGIN EXCLUSIVE").await.unwrap();
    let unwritable = Some(StoreFault::Unwritable);
    assert_eq!(writer_fault(&site.store, false).await, unwritable);
    held.rollback().await.unwrap();
    assert_eq!(writer_fault(&site.store, false).await, None);
}
