//! `facegen db copy`, from a data directory to a real database and a bucket.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use facegen_core::fake::requests::{inline, request};
use facegen_core::job::{JobId, Outcome, Stages};
use facegen_core::key_limits::OwnLimits;
use facegen_core::store::{
    ClaimScope, ImageLocation, NewJob, NewKey, NewUpload, QueueLimits, Stores, Success, WorkerId,
};
use facegen_core::{
    Clock as _, FileKind, FileName, FilePrefix, ImageStore as _, KeyId, KeyRole, ObjectName,
    SystemClock, Timestamp,
};
use facegen_outbound::DirectoryStore;
use facegen_store::{PostgresSource, PostgresStore, SqliteStore};
use facegen_testkit::postgres::{FAST, Postgres};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::program::executable;
use crate::server::bucket::Bucket;

const PASSWORD: &str = "a-password-that-no-log-shows";
const DAY: Duration = Duration::from_hours(24);

/// A data directory with jobs that have images, and one that waits.
struct Data {
    directory: TempDir,
    key: KeyId,
    kept: JobId,
    expired: JobId,
    waiting: JobId,
    upload: ObjectName,
}

impl Data {
    async fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let store = SqliteStore::open_exclusive(&directory.path().join("facegen.db")).await?;
        let stores = store.into_stores();
        let images = DirectoryStore::open(directory.path().join("pictures"))?;
        let now = SystemClock.now();
        let key = stores.keys.insert(&new_key()).await?.id;
        let kept = finished(&stores, &images, key, now + DAY).await?;
        let expired = finished(&stores, &images, key, now).await?;
        let waiting = insert(&stores, key).await?;
        let upload = NewUpload {
            key,
            file_prefix: prefix(9),
            bytes: 6,
            created_at: now,
            expires_at: now + DAY,
        };
        stores.uploads.insert(&upload, 0).await?;
        let upload = ObjectName {
            file: FileName {
                prefix: upload.file_prefix,
                index: 0,
                kind: FileKind::Png,
            },
            attempt: 1,
        };
        images.put(&upload, b"upload".to_vec()).await?;
        stores.health.close().await;
        Ok(Self {
            directory,
            key,
            kept,
            expired,
            waiting,
            upload,
        })
    }

    /// Copies to a database of this server.
    async fn copy(
        &self,
        server: &Postgres,
        database: &str,
        options: &[&str],
        bucket: Option<SocketAddr>,
    ) -> Result<Output> {
        let password = self.directory.path().join("password");
        fs::write(&password, PASSWORD)?;
        let mut copy = Command::new(executable()?);
        let from = self.directory.path().join("facegen.db");
        copy.args(["db", "copy", "--from"])
            .arg(format!("sqlite:{}", from.display()));
        copy.arg("--to").arg(server.tcp_url("postgres", database));
        copy.arg("--password-file").arg(&password).args(options);
        copy.env("RUST_LOG", "trace,sqlx=trace");
        if let Some(address) = bucket {
            for (name, value) in [
                ("BUCKET", "images".to_owned()),
                ("REGION", "us-east-1".to_owned()),
                ("ENDPOINT_URL", format!("http://{address}")),
                ("PUBLIC_URL", format!("http://{address}/images/")),
                ("ACCESS_KEY_ID", "id".to_owned()),
                ("SECRET_ACCESS_KEY", "a-secret-of-the-bucket".to_owned()),
            ] {
                copy.env(format!("FACEGEN__STORAGE__S3__{name}"), value);
            }
        }
        let output = spawn_blocking(move || copy.output()).await??;
        let text = words(&output);
        ensure!(!text.contains(PASSWORD), "{text}");
        ensure!(!text.contains("a-secret-of-the-bucket"), "{text}");
        Ok(output)
    }
}

fn words(output: &Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{error}")
}

fn new_key() -> NewKey {
    NewKey {
        name: "a".to_owned(),
        role: KeyRole::Plain,
        hash: [7; 32],
        limits: OwnLimits::default(),
        created_at: SystemClock.now(),
    }
}

fn prefix(number: u128) -> FilePrefix {
    FilePrefix::from_random(number)
}

async fn insert(stores: &Stores, key: KeyId) -> Result<JobId> {
    let job = NewJob {
        key,
        request: request("a person"),
        face: inline(),
        file_prefix: prefix(u128::from(uuid_bits())),
        base_url: String::new(),
        priority: 0,
        preset: None,
        created_at: SystemClock.now(),
    };
    let limits = QueueLimits {
        queue: 10,
        share: 0,
    };
    let job = stores.jobs.insert(&job, limits).await?;
    Ok(job.ok().context("there is no room")?.id)
}

/// Bits that no other call returns.
fn uuid_bits() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(100);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// Makes a job whose images are in the directory until `expires_at`.
async fn finished(
    stores: &Stores,
    images: &DirectoryStore,
    key: KeyId,
    expires_at: Timestamp,
) -> Result<JobId> {
    let id = insert(stores, key).await?;
    let (worker, now) = (WorkerId::new("w"), SystemClock.now());
    let claim = stores.jobs.claim(ClaimScope::Any, &worker, now, now + DAY);
    let claim = claim.await?.context("nothing waits")?;
    for object in claim.job.objects() {
        images.put(&object, bytes_of(id)).await?;
    }
    let success = Success {
        now,
        location: ImageLocation::Directory {
            expires_at,
            upload: false,
        },
        warnings: Vec::new(),
        outcome: Outcome {
            generation_time: Duration::from_secs(1),
            stages: Stages::default(),
            images: Vec::new(),
            engine: None,
        },
    };
    ensure!(
        stores.jobs.finish(claim.fence, &success).await?,
        "it is gone"
    );
    Ok(id)
}

fn bytes_of(id: JobId) -> Vec<u8> {
    format!("image of {id}").into_bytes()
}

async fn opened(server: &Postgres, database: &str) -> Result<Stores> {
    let source = PostgresSource {
        url: server.url(database),
        password_file: None,
    };
    Ok(PostgresStore::open(&source).await?.into_stores())
}

async fn server() -> Result<Postgres> {
    Ok(spawn_blocking(|| Postgres::start(FAST)).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_and_images_move_and_a_copy_that_failed_goes_on() -> Result<()> {
    let (server, data) = (server().await?, Data::new().await?);
    let database = server.create();
    let bucket = Bucket::default();
    let address = bucket.clone().start().await?;

    // What was written reads as something else, so the first image ends the copy.
    bucket.answer_instead(5);
    let failed = data.copy(&server, &database, &[], Some(address)).await?;
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    bucket.answer_instead(0);

    let copied = data.copy(&server, &database, &[], Some(address)).await?;
    let text = words(&copied);
    assert!(copied.status.success(), "{text}");
    assert!(
        text.contains("images: 2 copied to the bucket, 1 there before"),
        "{text}"
    );
    let stores = opened(&server, &database).await?;
    let find = async |id| -> Result<_> {
        let job = stores.jobs.find(Some(data.key), id).await?;
        job.context("the job is missing")
    };
    let kept = find(data.kept).await?;
    assert_eq!(kept.link_base, None);
    let object = kept.objects().next().context("no image")?.expose();
    assert_eq!(bucket.object(&object), Some(bytes_of(data.kept)));
    assert_eq!(
        bucket.object(&data.upload.expose()),
        Some(b"upload".to_vec())
    );
    // The next janitor deletes what has expired, as it would have without a copy.
    assert!(find(data.expired).await?.has_expired(SystemClock.now()));
    assert!(stores.jobs.photo(data.waiting).await?.is_some());
    stores.health.close().await;

    // All of it is there.
    let again = data.copy(&server, &database, &[], Some(address)).await?;
    let text = words(&again);
    assert!(again.status.success(), "{text}");
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with("generations"));
    let mut numbers = line.unwrap_or_default().split_whitespace().skip(1);
    assert_eq!((numbers.next(), numbers.next()), (Some("3"), Some("0")));
    assert!(
        text.contains("images: 0 copied to the bucket, 3 there before"),
        "{text}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_without_a_bucket_are_refused_unless_they_stay() -> Result<()> {
    let (server, data) = (server().await?, Data::new().await?);
    let database = server.create();
    let refused = data.copy(&server, &database, &[], None).await?;
    let text = words(&refused);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    for word in ["holds 3 images", "storage.s3.bucket", "--keep-images"] {
        assert!(text.contains(word), "{text}");
    }
    let tables = "TABLE pg_catalog.pg_tables";
    let tables = server.ask(&database, tables);
    assert!(!tables.contains("generations"), "{tables}");

    let kept = data
        .copy(&server, &database, &["--keep-images"], None)
        .await?;
    assert!(kept.status.success(), "{}", words(&kept));
    let stores = opened(&server, &database).await?;
    let job = stores.jobs.find(None, data.kept).await?;
    let job = job.context("the job is missing")?;
    assert!(job.link_base.is_none() && !job.has_expired(SystemClock.now()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_use_is_refused_by_name_of_the_row() -> Result<()> {
    let (server, data) = (server().await?, Data::new().await?);
    let database = server.create();
    let stores = opened(&server, &database).await?;
    stores.keys.insert(&new_key()).await?;
    stores.health.close().await;
    let refused = data
        .copy(&server, &database, &["--keep-images"], None)
        .await?;
    let text = words(&refused);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(
        text.contains("row 1 of the table keys is not that of the file"),
        "{text}"
    );
    Ok(())
}

#[test]
fn no_password_is_taken_or_shown_in_a_url() -> Result<()> {
    let refused = Command::new(executable()?)
        .args(["db", "copy", "--keep-images", "--from", "sqlite:none.db"])
        .args(["--to", "postgres://facegen:hunter2@localhost/facegen"])
        .output()?;
    let text = words(&refused);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("password") && !text.contains("hunter2"));
    assert!(!Path::new("none.db").exists());
    Ok(())
}
