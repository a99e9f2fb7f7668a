//! Checks of the data directory, the database and the bucket.

use anyhow::{Context, Result, ensure};
use facegen_core::store::NodeRole;
use facegen_core::{FileKind, FileName, FilePrefix, ImageStore, ObjectName};
use facegen_outbound::{Canary, DirectoryStore};

use super::Report;
use crate::config::Config;
use crate::serve::{IMAGES, bucket_store};
use crate::stores;

/// The name of the canary; no job has this prefix, as it is not a random UUID.
const CANARY: &str = "00000000-0000-0000-0000-000000000000";

/// Writes, reads and deletes where a server would.
pub(super) fn check(config: &Config, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let data_dir = config.storage.data_dir.display();
    let stored = runtime.block_on(directory(config));
    report.check("storage", stored, |()| format!("{data_dir} can be written"))?;
    let keys = runtime.block_on(database(config));
    report.check("database", keys, |counts| match *counts {
        None => "works".to_owned(),
        Some((0, _)) => "works; no key yet, one is made at the first start".to_owned(),
        Some((keys, 0)) => format!("works; {keys} keys"),
        Some((keys, buckets)) => {
            format!("works; {keys} keys, {buckets} with a bucket of their own")
        }
    })?;
    if let Some(tried) = runtime.block_on(bucket(config)) {
        report.check("bucket", tried, |words| (*words).to_owned())?;
    }
    Ok(())
}

async fn directory(config: &Config) -> Result<()> {
    let store = DirectoryStore::open(config.storage.data_dir.join(IMAGES))?;
    let prefix = FilePrefix::parse(CANARY).context("the canary has no name")?;
    let object = ObjectName {
        file: FileName {
            prefix,
            index: 0,
            kind: FileKind::Base64,
        },
        attempt: 1,
    };
    store.put(&object, b"canary".to_vec()).await?;
    let read = store.get(&object).await?;
    store.delete(&object).await?;
    ensure!(
        read.as_deref() == Some(b"canary"),
        "what was written is not what is read"
    );
    Ok(())
}

/// Opens the database, even while a server runs, and counts the keys and those
/// with buckets. A worker's role of the database may not read them.
async fn database(config: &Config) -> Result<Option<(usize, u64)>> {
    let stores = stores::open(config).await?;
    if config.server.role == NodeRole::Worker {
        stores.jobs.depth().await?;
        return Ok(None);
    }
    let keys = stores.keys.list().await?;
    Ok(Some((keys.len(), stores.buckets.count().await?)))
}

/// Writes, reads and deletes a test object; `None` without a bucket.
async fn bucket(config: &Config) -> Option<Result<&'static str>> {
    let settings = config.storage.s3.settings()?;
    let names = settings.names();
    let try_out = async {
        let tried = bucket_store(settings)?.canary().await;
        Ok(match tried.map_err(|fault| fault.named(names))? {
            Canary::Deleted => "works",
            Canary::Left { .. } => "works, but objects may not be deleted",
        })
    };
    Some(try_out.await)
}
