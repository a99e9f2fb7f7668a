//! Images of a data directory that move to where several nodes find them.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use facegen_core::{ImageStore, ObjectName};
use facegen_outbound::{DirectoryStore, Guard, Networks, S3Settings, SharedImages};

/// The images of a directory, and the bucket that they move to.
pub(super) struct Images {
    path: PathBuf,
    directory: DirectoryStore,
    shared: SharedImages,
}

/// How many images there are, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// Copied to the bucket.
    pub(super) copied: u64,
    /// In the bucket since before.
    pub(super) found: u64,
}

/// Fails when there are images but no bucket.
///
/// # Errors
/// There are images, or the directory cannot be read.
pub(super) fn ensure_none(directory: &Path) -> Result<()> {
    let images = names(directory)?.len();
    ensure!(
        images == 0,
        "{} holds {images} images, and storage.s3.bucket is not set: set the bucket that they \
         move to, or pass --keep-images for one server that goes on with this data directory",
        directory.display()
    );
    Ok(())
}

/// Returns the names of all images in a directory, in their order.
fn names(directory: &Path) -> Result<Vec<ObjectName>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries,
    };
    let files = entries.and_then(|entries| {
        let files = entries.map(|entry| Ok(entry?.file_name()));
        files.collect::<Result<Vec<OsString>, _>>()
    });
    let mut files = files.with_context(|| format!("cannot read {}", directory.display()))?;
    files.sort();
    let names = files.iter().filter_map(|name| name.to_str());
    Ok(names.filter_map(ObjectName::parse).collect())
}

impl Images {
    /// Opens a directory, whose images are copied by [`Images::copy_all`].
    ///
    /// # Errors
    /// The directory cannot be read, or the bucket cannot be used at all.
    pub(super) fn open(path: PathBuf, settings: S3Settings) -> Result<Self> {
        // The operator's own endpoint can be at any address.
        let guard = Guard::new(Networks::any()).context("cannot make an HTTP client")?;
        Ok(Self {
            directory: DirectoryStore::open(path.clone())?,
            path,
            shared: SharedImages::new(settings, guard),
        })
    }

    /// Copies all images that are there now, and reads each back. Rows lead to them by their
    /// names, and the janitor deletes them when they expire. The files in the directory stay.
    ///
    /// # Errors
    /// The directory or the bucket fails. What has been copied stays, so that the next call
    /// goes on from there.
    pub(super) async fn copy_all(&self) -> Result<Moved> {
        let mut moved = Moved::default();
        for name in &names(&self.path)? {
            // Someone can have deleted it since it was listed.
            let Some(bytes) = self.directory.get(name).await? else {
                continue;
            };
            if self.shared.get(name).await?.as_ref() == Some(&bytes) {
                moved.found += 1;
                continue;
            }
            self.shared.put(name, bytes.clone()).await?;
            let read = self.shared.get(name).await?;
            ensure!(
                read == Some(bytes),
                "what is read from the bucket is not what was written"
            );
            moved.copied += 1;
        }
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use facegen_core::redact::{SafeUrl, Secret};

    use super::*;

    const NAME: &str = "8c3ef6ea-1c44-4d69-91cb-fc11971a65d1-0.a1.png";

    /// A bucket that is not there.
    fn bucket() -> S3Settings {
        S3Settings {
            endpoint_url: Some(SafeUrl::from("http://127.0.0.1:1".to_owned())),
            region: "us-east-1".to_owned(),
            bucket: "faces".to_owned(),
            image_directory: String::new(),
            access_key_id: Secret::new("id".to_owned()),
            secret_access_key: Secret::new("secret".to_owned()),
            public_url: "http://127.0.0.1:1/faces".to_owned(),
            check_url: None,
            public_read_acl: false,
            attempt_timeout: Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn images_that_came_since_the_start_are_copied_too() {
        let directory = tempfile::tempdir().unwrap();
        let images = Images::open(directory.path().to_owned(), bucket()).unwrap();
        assert_eq!(images.copy_all().await.unwrap(), Moved::default());
        fs::write(directory.path().join(NAME), "an image").unwrap();
        assert_eq!(names(directory.path()).unwrap().len(), 1);
        images.copy_all().await.unwrap_err();
    }
}
