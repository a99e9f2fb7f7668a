//! How a job gets in. Each function is a part of its caller's transaction.

use facegen_core::idempotency::{Idempotency, REMEMBERED};
use facegen_core::job::Job;
use facegen_core::key::KeyId;
use facegen_core::redact::{FaceImage, SafeUrl};
use facegen_core::store::{Intake, NewJob, QueueFull, QueueLimits, StoreError, cost};
use facegen_core::{FaceSource, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::query;

use super::statements::{INSERT, WAITING};
use crate::postgres::database::Statement;
use crate::postgres::session::Transaction;
use crate::postgres::text::clean;
use crate::rows::{self, Columns as _, check_room, json, number};

/// The number of the next job. A photo may then take its time.
const BEGIN_PHOTO: &str = "
    SELECT nextval('numbers') AS id, set_config('idle_in_transaction_session_timeout', '60s', TRUE)";

/// Sends the photo of a job that probably gets in, before the lock is taken: on a slow
/// connection all other jobs would wait for it. Returns the number of the job; a job that
/// is refused afterwards, since others came first, uses it up.
pub(super) async fn send_photo(
    transaction: &mut Transaction<'_>,
    job: &NewJob,
    limits: QueueLimits,
) -> Result<Option<i64>, StoreError> {
    let FaceSource::Inline(image) = &job.face else {
        return Ok(None);
    };
    if room(transaction, job.key, limits).await?.is_err() {
        return Ok(None);
    }
    let id = transaction.one(query(BEGIN_PHOTO)).await?.int("id")?;
    insert_photo(transaction, id, image).await?;
    Ok(Some(id))
}

/// See [`JobStore::insert`](facegen_core::store::JobStore::insert). `sent` is the number of
/// a job whose photo is there.
pub(super) async fn insert(
    transaction: &mut Transaction<'_>,
    job: &NewJob,
    sent: Option<i64>,
    limits: QueueLimits,
) -> Result<Result<Job, QueueFull>, StoreError> {
    if let Err(full) = room(transaction, job.key, limits).await? {
        return Ok(Err(full));
    }
    let inserted = insert_row(transaction, job, sent).await?;
    let id = i64::from(inserted.id.get());
    if let (FaceSource::Inline(image), None) = (&job.face, sent) {
        insert_photo(transaction, id, image).await?;
    }
    if let Some(preset) = &job.preset {
        let of = query("INSERT INTO job_presets (generation_id, preset) VALUES ($1, $2)");
        transaction.execute(of.bind(id).bind(clean(preset))).await?;
    }
    Ok(Ok(inserted))
}

async fn room(
    transaction: &mut Transaction<'_>,
    key: KeyId,
    limits: QueueLimits,
) -> Result<Result<(), QueueFull>, StoreError> {
    let waiting = query(WAITING).bind(i64::from(limits.share)).bind(key.get());
    let waiting = transaction.one(waiting).await?;
    let (all, own) = (waiting.small("waiting")?, waiting.small("own")?);
    let share = waiting.small("share")?;
    Ok(check_room((all, own, share), limits.queue))
}

async fn insert_photo(
    transaction: &mut Transaction<'_>,
    id: i64,
    image: &FaceImage,
) -> Result<(), StoreError> {
    let photo = query("INSERT INTO photos (generation_id, image) VALUES ($1, $2)");
    let photo = photo.bind(id).bind(image.bytes());
    transaction.execute(photo).await.map(drop)
}

async fn insert_row(
    transaction: &mut Transaction<'_>,
    job: &NewJob,
    id: Option<i64>,
) -> Result<Job, StoreError> {
    let url = match &job.face {
        FaceSource::Url(url) => Some(clean(url.expose())),
        FaceSource::Inline(_) => None,
    };
    let webhook = job.request.delivery.webhook.as_ref();
    let insert = query(INSERT)
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
        .bind(id);
    rows::job(&transaction.one(insert).await?)
}

/// Finds the job that a request with this idempotency key has made.
pub(super) fn find_idempotent(
    key: KeyId,
    idempotency: &Idempotency,
    now: Timestamp,
) -> Statement<'_> {
    let find = query(
        "SELECT generations.*, idempotency.digest
         FROM idempotency JOIN generations ON generations.id = idempotency.generation_id
         WHERE idempotency.key_id = $1 AND idempotency.name = $2 AND idempotency.created_at > $3",
    );
    find.bind(key.get())
        .bind(&idempotency.name)
        .bind((now - REMEMBERED).as_millis())
}

/// Returns the job of a row that was found, unless another request has made it.
pub(super) fn known(row: &PgRow, idempotency: &Idempotency) -> Result<Intake, StoreError> {
    let job = rows::job(row)?;
    // Of an erased one nothing is left to compare with.
    if row.bytes("digest")? != idempotency.digest && job.erased_at.is_none() {
        return Ok(Intake::Conflict);
    }
    Ok(Intake::Known(job))
}

/// Remembers the name of the request that made this job, and forgets those that
/// are too old.
pub(super) async fn remember(
    transaction: &mut Transaction<'_>,
    idempotency: &Idempotency,
    job: &Job,
    now: Timestamp,
) -> Result<(), StoreError> {
    let forget = query("DELETE FROM idempotency WHERE created_at <= $1");
    let forget = forget.bind((now - REMEMBERED).as_millis());
    transaction.execute(forget).await?;
    let remember = query(
        "INSERT INTO idempotency (key_id, name, digest, generation_id, created_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(job.key.get())
    .bind(&idempotency.name)
    .bind(&idempotency.digest[..])
    .bind(i64::from(job.id.get()))
    .bind(now.as_millis());
    transaction.execute(remember).await.map(drop)
}
