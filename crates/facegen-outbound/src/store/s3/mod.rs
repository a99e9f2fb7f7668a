//! Images in a bucket that speaks S3.
//!
//! An object counts as stored only once it is publicly readable at its link: a
//! bucket may take objects and serve them to no one.

mod canary;
mod client;
mod connector;
mod download;
mod errors;
pub mod settings;
mod shared;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Object, ObjectCannedAcl};
use bytes::Bytes;
use facegen_core::redact::SafeUrl;
use facegen_core::{
    ImageStore, ObjectName, ObjectPieces as _, StorageError, StoredObject, Timestamp,
};

use crate::guard::Guard;
pub use canary::Canary;
use download::Download;
use errors::{PutError, PutFailure, failure, status_of};
pub use settings::S3Settings;
pub use shared::SharedImages;

/// An object never changes and stays until its owner deletes it.
const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// How long reading an object back at its link may take.
const READ_BACK_DEADLINE: Duration = Duration::from_secs(10);

/// Keeps images in one bucket.
pub struct S3Store {
    client: Client,
    settings: S3Settings,
    guard: Guard,
    /// Whether the endpoint refuses ACLs.
    refuses_acl: AtomicBool,
}

impl S3Store {
    /// Creates the store of `settings`, which is reached through `guard`, as
    /// are its links. Sends no request yet.
    #[must_use]
    pub fn new(settings: S3Settings, guard: Guard) -> Self {
        Self {
            client: client::client(&settings, guard.clone()),
            settings,
            guard,
            refuses_acl: AtomicBool::new(false),
        }
    }

    /// Writes the object and reads it back at its link.
    async fn keep(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), PutFailure> {
        let bytes = Bytes::from(bytes);
        let uploaded = self.upload(object, bytes.clone()).await;
        let acl = uploaded.map_err(|error| PutFailure::Upload(Box::new(error)))?;
        self.read_back(object, &bytes).await?;
        // Not before: the refusal may have been temporary, and a bucket that
        // needs ACLs would serve nothing from then on.
        if acl == Acl::Refused && !self.refuses_acl.swap(true, Ordering::AcqRel) {
            tracing::info!("bucket refuses acls, relying on its policy");
        }
        Ok(())
    }

    /// Writes the object as publicly readable. Endpoints without ACLs refuse
    /// such a request, so it is repeated without one.
    async fn upload(&self, object: &ObjectName, bytes: Bytes) -> Result<Acl, PutError> {
        let acl = self.settings.public_read_acl && !self.refuses_acl.load(Ordering::Acquire);
        let with_acl = self.put_object(object, bytes.clone(), acl).await;
        let Err(refusal) = with_acl else {
            return Ok(Acl::AsWanted);
        };
        let of_acl = acl && matches!(status_of(&refusal), Some(400 | 403 | 501));
        if !of_acl {
            return Err(refusal);
        }
        self.put_object(object, bytes, false).await?;
        Ok(Acl::Refused)
    }

    async fn put_object(
        &self,
        object: &ObjectName,
        bytes: Bytes,
        acl: bool,
    ) -> Result<(), PutError> {
        self.client
            .put_object()
            .bucket(&self.settings.bucket)
            .key(self.settings.key(object))
            .set_acl(acl.then_some(ObjectCannedAcl::PublicRead))
            .content_type(object.file.kind.content_type())
            .cache_control(CACHE_CONTROL)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map(drop)
    }

    /// Checks that these bytes are publicly readable at the object's link.
    async fn read_back(&self, object: &ObjectName, bytes: &Bytes) -> Result<(), PutFailure> {
        let link = SafeUrl::from(self.settings.check_link(object));
        let read = self.guard.get(&link, bytes.len(), READ_BACK_DEADLINE).await;
        match read {
            Ok(read) if read == *bytes => Ok(()),
            Ok(_) => Err(PutFailure::LeadsElsewhere),
            Err(error) => Err(PutFailure::ReadBack(error)),
        }
    }

    /// Starts reading an object of at most `longest` bytes, for as long as
    /// `time`; `None` when it does not exist.
    async fn download(
        &self,
        object: &ObjectName,
        longest: usize,
        time: Duration,
    ) -> Result<Option<Download>, StorageError> {
        let got = self
            .client
            .get_object()
            .bucket(&self.settings.bucket)
            .key(self.settings.key(object))
            .send()
            .await;
        match got {
            Ok(got) => Download::new(got, longest, time).map(Some),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failure("an object cannot be read", &error)),
        }
    }

    /// Starts reading a generated image; `None` when it does not exist.
    async fn published(&self, object: &ObjectName) -> Result<Option<Download>, StorageError> {
        let longest = object.file.kind.longest();
        self.download(object, longest, download::OBJECT_TIME).await
    }

    /// Lists the old objects of the directory, page by page.
    async fn old_objects(&self, moment: Timestamp) -> Result<Vec<ObjectName>, StorageError> {
        let directory = self.settings.directory();
        let listing = self.client.list_objects_v2().bucket(&self.settings.bucket);
        let mut pages = listing.prefix(&directory).into_paginator().send();
        let mut old = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure("objects cannot be listed", &error))?;
            let objects = page.contents().iter();
            old.extend(objects.filter_map(|object| old_object(object, &directory, moment)));
        }
        Ok(old)
    }
}

#[async_trait]
impl ImageStore for S3Store {
    /// Returns once the bytes can be read at the object's link.
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError> {
        let kept = self.keep(object, bytes).await;
        kept.map_err(|failure| failure.storage_error())
    }

    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(mut download) = self.published(object).await? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        while let Some(piece) = download.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes))
    }

    async fn open(&self, object: &ObjectName) -> Result<Option<StoredObject>, StorageError> {
        let download = self.published(object).await?;
        Ok(download.map(StoredObject::from))
    }

    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError> {
        self.client
            .delete_object()
            .bucket(&self.settings.bucket)
            .key(self.settings.key(object))
            .send()
            .await
            .map(drop)
            .map_err(|error| failure("an object cannot be deleted", &error))
    }

    /// Deletes by the ages that the bucket reports. Objects with other names
    /// stay.
    async fn delete_before(&self, moment: Timestamp) -> Result<usize, StorageError> {
        let old = self.old_objects(moment).await?;
        for object in &old {
            self.delete(object).await?;
        }
        Ok(old.len())
    }
}

/// Returns whether an object does not exist. That is also what a refusal means
/// for credentials that may read objects but not list them.
fn is_missing(error: &SdkError<GetObjectError>) -> bool {
    let SdkError::ServiceError(error) = error else {
        return false;
    };
    let refused = error.err().code() == Some("AccessDenied");
    if refused {
        tracing::warn!("bucket denied access, object may not exist");
    }
    refused || matches!(error.err(), GetObjectError::NoSuchKey(_))
}

/// How a bucket treated the ACL of an object that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acl {
    /// It took the object as requested.
    AsWanted,
    /// It took the object only without one.
    Refused,
}

/// Returns the name of an object of this store that is older than `moment`.
fn old_object(object: &Object, directory: &str, moment: Timestamp) -> Option<ObjectName> {
    let written = object.last_modified()?.to_millis().ok()?;
    let name = ObjectName::parse(object.key()?.strip_prefix(directory)?)?;
    (Timestamp::from_millis(written) < moment).then_some(name)
}

impl fmt::Debug for S3Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("S3Store")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
