//! The tests of every implementation of a store port: one suite for each port.
//!
//! A database calls every `all` in its tests, with a function that creates
//! empty stores.

mod buckets;
mod deliveries;
mod events;
mod housekeeping;
pub(crate) mod jobs;
mod keys;
mod nodes;
mod rate_limits;
mod uploads;

use facegen_core::key::{Key, KeyId, KeyRole};
use facegen_core::key_limits::OwnLimits;
use facegen_core::store::{NewJob, NewKey, Stores};
use facegen_core::{FaceSource, FilePrefix, GenerationRequest, Timestamp};
use uuid::Uuid;

/// Empty stores, and the owner of their files.
pub(crate) struct Fresh<T> {
    pub(crate) stores: Stores,
    pub(crate) _keep: T,
}

/// Runs every suite but that of jobs, which also needs to count rows.
pub(crate) async fn all<T>(fresh: impl AsyncFn() -> Fresh<T>) {
    keys::all(&fresh().await.stores).await;
    keys::the_first_admin_key_is_added_where_there_is_none(&fresh().await.stores).await;
    buckets::all(&fresh().await.stores).await;
    uploads::all(&fresh().await.stores).await;
    rate_limits::all(&fresh().await.stores).await;
    events::all(&fresh().await.stores).await;
    nodes::all(&fresh().await.stores).await;
    deliveries::all(&fresh).await;
    housekeeping::all(&fresh).await;
}

/// The time at which the suites begin.
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn new_key(name: &str, role: KeyRole) -> NewKey {
    let mut hash = [0; 32];
    hash[..name.len()].copy_from_slice(name.as_bytes());
    NewKey {
        name: name.to_owned(),
        role,
        hash,
        limits: OwnLimits::default(),
        created_at: START,
    }
}

async fn key(stores: &Stores, name: &str) -> Key {
    let new = new_key(name, KeyRole::Plain);
    stores.keys.insert(&new).await.unwrap()
}

fn prefix() -> FilePrefix {
    FilePrefix::from_random(Uuid::new_v4().as_u128())
}

fn new_job(key: KeyId, request: GenerationRequest, face: FaceSource) -> NewJob {
    NewJob {
        key,
        request,
        face,
        file_prefix: prefix(),
        base_url: "http://localhost:8080".into(),
        priority: 0,
        preset: None,
        created_at: START,
    }
}
