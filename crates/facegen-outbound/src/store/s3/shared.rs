//! Images that the nodes on one database serve themselves, in a directory of the
//! operator's bucket: what callers have sent, and images that could not be
//! published. No one else is meant to read them, so they have no link and no
//! ACL, and are not read back.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use facegen_core::{
    ImageStore, ObjectName, ObjectPieces as _, StorageError, StoredObject, Timestamp,
};

use super::errors::failure;
use super::{S3Settings, S3Store};
use crate::guard::Guard;

/// The directory, within that of the published images.
const DIRECTORY: &str = "temp";

/// The largest object, in bytes: far more than the PNG of a photo of the default
/// limits, and a bound for what a foreign object can cost.
const LONGEST: usize = 1 << 30;

/// How long reading an object may take: a caller may be slow.
const READING_TIME: Duration = Duration::from_hours(1);

/// Keeps images that several nodes share in one bucket.
#[derive(Debug)]
pub struct SharedImages(S3Store);

impl SharedImages {
    /// Creates the store in the bucket of `settings`, which is reached through
    /// `guard`. Sends no request yet.
    #[must_use]
    pub fn new(settings: S3Settings, guard: Guard) -> Self {
        let published = settings.directory();
        let settings = S3Settings {
            image_directory: format!("{published}{DIRECTORY}"),
            ..settings
        };
        Self(S3Store::new(settings, guard))
    }
}

#[async_trait]
impl ImageStore for SharedImages {
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError> {
        let put = self.0.put_object(object, Bytes::from(bytes), false).await;
        put.map_err(|error| failure("an object cannot be written", &error))
    }

    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        let download = self.0.download(object, LONGEST, READING_TIME).await?;
        let Some(mut download) = download else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        while let Some(piece) = download.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes))
    }

    async fn open(&self, object: &ObjectName) -> Result<Option<StoredObject>, StorageError> {
        let download = self.0.download(object, LONGEST, READING_TIME).await?;
        Ok(download.map(StoredObject::from))
    }

    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError> {
        self.0.delete(object).await
    }

    /// Deletes by the ages that the bucket reports, of this directory alone.
    async fn delete_before(&self, moment: Timestamp) -> Result<usize, StorageError> {
        self.0.delete_before(moment).await
    }
}

#[cfg(test)]
mod tests {
    use facegen_core::redact::Secret;

    use super::*;
    use crate::guard::Networks;
    use crate::store::conformance::object;

    #[test]
    fn the_directory_is_within_that_of_the_images() {
        for (images, key) in [("", "temp/"), ("a/b", "a/b/temp/"), ("/a/", "a/temp/")] {
            let settings = S3Settings {
                endpoint_url: None,
                region: "us-east-1".to_owned(),
                bucket: "faces".to_owned(),
                image_directory: images.to_owned(),
                access_key_id: Secret::new("id".to_owned()),
                secret_access_key: Secret::new("secret".to_owned()),
                public_url: "https://cdn.example".to_owned(),
                check_url: None,
                public_read_acl: true,
                attempt_timeout: S3Settings::DEFAULT_ATTEMPT_TIMEOUT,
            };
            let guard = Guard::new(Networks::any()).unwrap();
            let store = SharedImages::new(settings, guard);
            let object = object(1, 1);
            let expected = format!("{key}{}", object.expose());
            assert_eq!(store.0.settings.key(&object), expected);
        }
    }
}
