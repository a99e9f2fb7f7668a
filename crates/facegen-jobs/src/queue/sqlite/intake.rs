//! How a job gets in. Each function is a part of its caller's transaction.

use facegen_core::redact::SafeUrl;
use facegen_core::{FaceSource, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::columns::{json, number};
use crate::idempotency::{Idempotency, REMEMBERED};
use crate::job::Job;
use crate::key::KeyId;
use crate::queue::statements::{INSERT, WAITING};
use crate::queue::{Full, Intake, NewJob, QueueLimits, cost};
use crate::store::{StoreError, row};

/// Whether one job more may wait, when so many do and this is the key's share.
fn check_room((all, own, share): (u32, u32, u32), limit: u32) -> Result<(), Full> {
    if all >= limit {
        Err(Full(limit))
    } else if share > 0 && own >= share {
        Err(Full(share))
    } else {
        Ok(())
    }
}

/// See [`JobQueue::insert`].
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    job: &NewJob,
    limits: QueueLimits,
) -> Result<Result<Job, Full>, StoreError> {
    let (url, photograph) = match &job.face {
        FaceSource::Url(url) => (Some(url.expose()), None),
        FaceSource::Inline(image) => (None, Some(image.bytes())),
    };
    let room = sqlx::query_as(WAITING)
        .bind(limits.share)
        .bind(job.key.get())
        .fetch_one(&mut *connection)
        .await?;
    if let Err(full) = check_room(room, limits.queue) {
        return Ok(Err(full));
    }
    let inserted = sqlx::query(INSERT)
        .bind(job.key.get())
        .bind(json("request", &job.request)?)
        .bind(url)
        .bind(job.file_prefix.expose())
        .bind(&job.base_url)
        .bind(job.request.webhook().is_some())
        .bind(job.request.webhook().map(SafeUrl::host))
        .bind(job.priority)
        .bind(number(cost(&job.request)))
        .bind(job.created_at.as_millis())
        .fetch_one(&mut *connection)
        .await?;
    let inserted = row::job(&inserted)?;
    if let Some(image) = photograph {
        sqlx::query("INSERT INTO inputs (generation_id, image) VALUES (?, ?)")
            .bind(inserted.id.get())
            .bind(image)
            .execute(&mut *connection)
            .await?;
    }
    Ok(Ok(inserted))
}

/// See [`JobQueue::known`].
pub(super) async fn known(
    connection: &mut SqliteConnection,
    key: KeyId,
    once: &Idempotency,
    now: Timestamp,
) -> Result<Option<Intake>, StoreError> {
    let found = sqlx::query(
        "SELECT generations.*, idempotency.digest
         FROM idempotency JOIN generations ON generations.id = idempotency.generation_id
         WHERE idempotency.key_id = ? AND idempotency.name = ? AND idempotency.created_at > ?",
    )
    .bind(key.get())
    .bind(&once.name)
    .bind((now - REMEMBERED).as_millis())
    .fetch_optional(connection)
    .await?;
    let Some(row) = found else {
        return Ok(None);
    };
    let digest: &[u8] = row.try_get("digest")?;
    let job = row::job(&row)?;
    // Of an erased one nothing is left to compare with.
    if digest != once.digest && job.removed_at.is_none() {
        return Ok(Some(Intake::Taken));
    }
    Ok(Some(Intake::Known(job)))
}

/// Remembers the name of the request that made this job, and forgets those that
/// are too old.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    once: &Idempotency,
    job: &Job,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE created_at <= ?")
        .bind((now - REMEMBERED).as_millis())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO idempotency (key_id, name, digest, generation_id, created_at)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(job.key.get())
    .bind(&once.name)
    .bind(&once.digest[..])
    .bind(job.id.get())
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await?;
    Ok(())
}
