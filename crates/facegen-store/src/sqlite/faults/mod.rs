//! Tests of every write on a disk that is full or fails, and without memory, at
//! every point at which SQLite writes.

mod paths;
mod site;
mod vfs;

use std::time::Duration;

use facegen_core::ErrorCode;
use facegen_core::store::StoreFault;
use libsqlite3_sys::{SQLITE_FULL, SQLITE_IOERR_NOMEM, SQLITE_IOERR_WRITE};

use super::database::options;
use super::probe::writer_fault;
use super::tests::new_key;
use super::writer::pool_options;
use paths::paths;
use site::Site;

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
