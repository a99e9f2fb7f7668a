//! Adds jobs. Each function runs in its caller's transaction.

use facegen_core::idempotency::{Idempotency, REMEMBERED};
use facegen_core::job::Job;
use facegen_core::key::KeyId;
use facegen_core::redact::SafeUrl;
use facegen_core::store::StoreError;
use facegen_core::store::{Intake, NewJob, QueueFull, QueueLimits, cost};
use facegen_core::{FaceSource, Timestamp};
use sqlx::sqlite::SqliteConnection;

use super::statements::{INSERT, WAITING};
use crate::rows::{self, Columns as _, check_room, failed, json, number};

/// See [`JobStore::insert`].
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    job: &NewJob,
    limits: QueueLimits,
) -> Result<Result<Job, QueueFull>, StoreError> {
    let (url, photo) = match &job.face {
        FaceSource::Url(url) => (Some(url.expose()), None),
        FaceSource::Inline(image) => (None, Some(image.bytes())),
    };
    let room = sqlx::query_as(WAITING)
        .bind(limits.share)
        .bind(job.key.get())
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if let Err(full) = check_room(room, limits.queue) {
        return Ok(Err(full));
    }
    let inserted = sqlx::query(INSERT)
        .bind(job.key.get())
        .bind(json("request", &job.request)?)
        .bind(url)
        .bind(job.file_prefix.expose())
        .bind(&job.base_url)
        .bind(job.request.delivery.webhook.is_some())
        .bind(job.request.delivery.webhook.as_ref().map(SafeUrl::host))
        .bind(job.priority)
        .bind(number(cost(&job.request)))
        .bind(job.created_at.as_millis())
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let inserted = rows::job(&inserted)?;
    if let Some(image) = photo {
        sqlx::query("INSERT INTO inputs (generation_id, image) VALUES (?, ?)")
            .bind(inserted.id.get())
            .bind(image)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    if let Some(preset) = &job.preset {
        sqlx::query("INSERT INTO job_presets (generation_id, preset) VALUES (?, ?)")
            .bind(inserted.id.get())
            .bind(preset)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(Ok(inserted))
}

/// See [`JobStore::find_idempotent`].
pub(crate) async fn find_idempotent(
    connection: &mut SqliteConnection,
    key: KeyId,
    idempotency: &Idempotency,
    now: Timestamp,
) -> Result<Option<Intake>, StoreError> {
    let found = sqlx::query(
        "SELECT generations.*, idempotency.digest
         FROM idempotency JOIN generations ON generations.id = idempotency.generation_id
         WHERE idempotency.key_id = ? AND idempotency.name = ? AND idempotency.created_at > ?",
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
    let digest = row.bytes("digest")?;
    let job = rows::job(&row)?;
    // Of an erased one nothing is left to compare with.
    if digest != idempotency.digest && job.erased_at.is_none() {
        return Ok(Some(Intake::Conflict));
    }
    Ok(Some(Intake::Known(job)))
}

/// Stores the idempotency key of the request that made this job, and deletes
/// expired ones.
pub(crate) async fn remember(
    connection: &mut SqliteConnection,
    idempotency: &Idempotency,
    job: &Job,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE created_at <= ?")
        .bind((now - REMEMBERED).as_millis())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    sqlx::query(
        "INSERT INTO idempotency (key_id, name, digest, generation_id, created_at)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(job.key.get())
    .bind(&idempotency.name)
    .bind(&idempotency.digest[..])
    .bind(job.id.get())
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await
    .map_err(failed)?;
    Ok(())
}
