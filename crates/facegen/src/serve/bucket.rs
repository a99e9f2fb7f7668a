//! The buckets of images.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use facegen_core::BucketNames;
use facegen_jobs::{Bucket, KeyBuckets};
use facegen_outbound::{
    Canary, Guard, GuardedBuckets, Networks, S3Settings, S3Store, SharedImages,
};

use crate::config::Config;
use crate::config::sections::seconds;

/// Opens the bucket of the config, if there is one. A canary runs in the
/// background and logs its result; images can be served without the bucket, so
/// the start does not wait for it.
pub(super) fn open(config: &Config) -> Result<Option<Bucket>> {
    let Some(settings) = config.storage.s3.settings() else {
        return Ok(None);
    };
    let link_base = settings.public_url.clone();
    let names = settings.names();
    let store = Arc::new(store(settings)?);
    tokio::spawn(try_out(Arc::clone(&store), names));
    Ok(Some(Bucket {
        store,
        link_base,
        patience: patience(config),
    }))
}

/// Opens the buckets of keys; `guard` checks their endpoints.
pub(super) fn of_keys(config: &Config, guard: Guard) -> KeyBuckets {
    KeyBuckets {
        opener: Arc::new(GuardedBuckets::new(guard)),
        patience: patience(config),
    }
}

fn patience(config: &Config) -> Duration {
    seconds(config.storage.s3.timeout_seconds)
}

/// Returns the store of the images that nodes serve, in the bucket of the
/// config; `None` without a bucket.
pub(super) fn shared(config: &Config) -> Result<Option<SharedImages>> {
    let Some(settings) = config.storage.s3.settings() else {
        return Ok(None);
    };
    Ok(Some(SharedImages::new(settings, guard()?)))
}

/// Returns the store of a bucket.
pub(crate) fn store(settings: S3Settings) -> Result<S3Store> {
    Ok(S3Store::new(settings, guard()?))
}

/// The operator's own endpoint can be at any address.
fn guard() -> Result<Guard> {
    Guard::new(Networks::any()).context("cannot make an HTTP client")
}

/// Writes, reads and deletes an object, and logs the result.
async fn try_out(store: Arc<S3Store>, names: &BucketNames) {
    match store.canary().await {
        Ok(Canary::Deleted) => tracing::info!("the bucket works, links to images lead there"),
        Ok(Canary::Left { error, request }) => tracing::info!(
            %error,
            request,
            "the bucket works, links to images lead there; the object that tried it out stays, \
             as it may not be deleted"
        ),
        Err(fault) => tracing::error!(
            error = %fault.named(names),
            "the bucket does not work, links to images lead to this server until it does"
        ),
    }
}
