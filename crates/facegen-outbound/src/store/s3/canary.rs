//! Whether all of it works.

use facegen_core::{FileKind, FileName, FilePrefix, ImageStore, ObjectName, StorageError};
use uuid::Uuid;

use super::S3Store;

/// What the bucket can do, besides taking objects and showing them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canary {
    /// It can delete them too.
    Deleted,
    /// It cannot, which the rights that are usually given allow for: the
    /// object of the canary stays.
    Left(StorageError),
}

impl S3Store {
    /// Writes an object, reads it back at its link and deletes it.
    ///
    /// # Errors
    /// The object cannot be written, or not be read by everybody.
    pub async fn canary(&self) -> Result<Canary, StorageError> {
        let text = Uuid::new_v4().to_string();
        let prefix = FilePrefix::parse(&text);
        let prefix = prefix.ok_or_else(|| StorageError("a uuid is no file prefix".to_owned()))?;
        let file = FileName {
            prefix,
            index: 0,
            kind: FileKind::Base64,
        };
        // Real attempts count from 1.
        let object = ObjectName { file, attempt: 0 };
        self.put(&object, b"facegen".to_vec()).await?;
        Ok(match self.delete(&object).await {
            Ok(()) => Canary::Deleted,
            Err(error) => Canary::Left(error),
        })
    }
}
