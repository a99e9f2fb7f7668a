//! How a job gets in. Each function is a part of its caller's transaction.

use facegen_core::idempotency::{Idempotency, REMEMBERED};
use facegen_core::job::Job;
use facegen_core::key::KeyId;
use facegen_core::redact::SafeUrl;
use facegen_core::store::{Intake, NewJob, QueueFull, QueueLimits, StoreError, cost};
use facegen_core::{FaceSource, Timestamp};
use sqlx::postgres::{PgConnection, PgRow};

use super::statements::{INSERT, WAITING};
use crate::postgres::text::clean;
use crate::rows::{self, Columns as _, check_room, failed, json, number};

/// See [`JobStore::insert`](facegen_core::store::JobStore::insert).
pub(super) async fn insert(
    connection: &mut PgConnection,
    job: &NewJob,
    limits: QueueLimits,
) -> Result<Result<Job, QueueFull>, StoreError> {
    let waiting = sqlx::query(WAITING)
        .bind(i64::from(limits.share))
        .bind(job.key.get())
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if let Err(full) = room(&waiting, limits.queue)? {
        return Ok(Err(full));
    }
    let inserted = insert_row(connection, job).await?;
    if let FaceSource::Inline(image) = &job.face {
        sqlx::query("INSERT INTO photos (generation_id, image) VALUES ($1, $2)")
            .bind(i64::from(inserted.id.get()))
            .bind(image.bytes())
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    if let Some(preset) = &job.preset {
        sqlx::query("INSERT INTO job_presets (generation_id, preset) VALUES ($1, $2)")
            .bind(i64::from(inserted.id.get()))
            .bind(clean(preset))
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(Ok(inserted))
}

fn room(waiting: &PgRow, limit: u32) -> Result<Result<(), QueueFull>, StoreError> {
    let (all, own) = (waiting.small("waiting")?, waiting.small("own")?);
    Ok(check_room((all, own, waiting.small("share")?), limit))
}

async fn insert_row(connection: &mut PgConnection, job: &NewJob) -> Result<Job, StoreError> {
    let url = match &job.face {
        FaceSource::Url(url) => Some(clean(url.expose())),
        FaceSource::Inline(_) => None,
    };
    let webhook = job.request.delivery.webhook.as_ref();
    let inserted = sqlx::query(INSERT)
        .bind(job.key.get())
        .bind(json("request", &job.request)?)
        .bind(url)
        .bind(job.file_prefix.expose())
        .bind(clean(&job.base_url))
        .bind(webhook.is_some())
        .bind(webhook.map(SafeUrl::host))
        .bind(job.priority)
        .bind(number(cost(&job.request)))
        .bind(job.created_at.as_millis())
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    rows::job(&inserted)
}

/// See [`JobStore::find_idempotent`](facegen_core::store::JobStore::find_idempotent).
pub(super) async fn find_idempotent(
    connection: &mut PgConnection,
    key: KeyId,
    idempotency: &Idempotency,
    now: Timestamp,
) -> Result<Option<Intake>, StoreError> {
    let found = sqlx::query(
        "SELECT generations.*, idempotency.digest
         FROM idempotency JOIN generations ON generations.id = idempotency.generation_id
         WHERE idempotency.key_id = $1 AND idempotency.name = $2 AND idempotency.created_at > $3",
    )
    .bind(key.get())
    .bind(&idempotency.name)
    .bind((now - REMEMBERED).as_millis())
    .fetch_optional(connection)
    .await
    .map_err(failed)?;
    let Some(row) = found else {
        return Ok(None);
    };
    let job = rows::job(&row)?;
    // Of an erased one nothing is left to compare with.
    if row.bytes("digest")? != idempotency.digest && job.erased_at.is_none() {
        return Ok(Some(Intake::Conflict));
    }
    Ok(Some(Intake::Known(job)))
}

/// Remembers the name of the request that made this job, and forgets those that
/// are too old.
pub(super) async fn remember(
    connection: &mut PgConnection,
    idempotency: &Idempotency,
    job: &Job,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE created_at <= $1")
        .bind((now - REMEMBERED).as_millis())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    sqlx::query(
        "INSERT INTO idempotency (key_id, name, digest, generation_id, created_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(job.key.get())
    .bind(&idempotency.name)
    .bind(&idempotency.digest[..])
    .bind(i64::from(job.id.get()))
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await
    .map_err(failed)?;
    Ok(())
}
