//! The names of stored images, and the port to their storage.

use std::fmt;
use std::fs::File;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

use crate::Timestamp;
use crate::request::SizeLimits;

/// The largest PNG of a generated image, in bytes: the pixels of the largest
/// size that any preset may offer, half as much again for incompressible ones,
/// and metadata.
const LONGEST_PNG: usize = SizeLimits::LARGEST_AREA as usize * 3 * 3 / 2 + 64 * 1024;

/// The prefix of the names of all files of one job: a random UUID (version 4),
/// so that links cannot be guessed.
///
/// It gives access to the images, so it prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FilePrefix(String);

impl FilePrefix {
    /// Parses a prefix; `None` unless `text` is a UUID in lower case with
    /// hyphens.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hyphen = |place| matches!(place, 8 | 13 | 18 | 23);
        let fits = text.len() == 36
            && text.bytes().enumerate().all(|(place, byte)| match byte {
                b'-' => is_hyphen(place),
                b'0'..=b'9' | b'a'..=b'f' => !is_hyphen(place),
                _ => false,
            });
        fits.then(|| Self(text.to_owned()))
    }

    /// Creates a prefix of these random bits, formatted as a UUID.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        let digits = format!("{bits:032x}");
        let (first, rest) = digits.split_at(8);
        let (second, rest) = rest.split_at(4);
        let (third, rest) = rest.split_at(4);
        let (fourth, last) = rest.split_at(4);
        Self(format!("{first}-{second}-{third}-{fourth}-{last}"))
    }

    /// Returns the text, for links and file names.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FilePrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FilePrefix([redacted])")
    }
}

/// The kind of a stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// An image.
    Png,
    /// The same image as base64 text.
    Base64,
}

impl FileKind {
    /// Returns the extension of the file's name, without a dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Base64 => "base64",
        }
    }

    /// Returns the kind with this extension.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        [Self::Png, Self::Base64]
            .into_iter()
            .find(|kind| kind.extension() == extension)
    }

    /// Returns the largest length of a file of a generated image, in bytes. An
    /// uploaded one can be longer.
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::Png => LONGEST_PNG,
            Self::Base64 => LONGEST_PNG.div_ceil(3) * 4,
        }
    }

    /// Returns the MIME type of the file.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Base64 => "text/plain; charset=us-ascii",
        }
    }
}

/// The name of a file as links show it: `PREFIX-INDEX.KIND`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileName {
    /// The prefix of the job.
    pub prefix: FilePrefix,
    /// The index of the image within its job, from 0.
    pub index: u32,
    /// The kind of the file.
    pub kind: FileKind,
}

impl FileName {
    /// Parses a name; `None` unless it is one that [`FileName::expose`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (stem, extension) = text.split_once('.')?;
        let (prefix, index) = stem.rsplit_once('-')?;
        let name = Self {
            prefix: FilePrefix::parse(prefix)?,
            index: index.parse().ok()?,
            kind: FileKind::from_extension(extension)?,
        };
        // Only the canonical spelling: no `+1`, no `01`.
        (name.expose() == text).then_some(name)
    }

    /// Returns the text, for links.
    #[must_use]
    pub fn expose(&self) -> String {
        let Self {
            prefix,
            index,
            kind,
        } = self;
        format!("{}-{index}.{}", prefix.expose(), kind.extension())
    }
}

/// The name of a file in the store.
///
/// Every attempt at a job writes its own objects. Links lead to those of the
/// attempt that finished the job, so a late writer replaces nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// The name in links.
    pub file: FileName,
    /// The attempt that wrote the file, from 1.
    pub attempt: u32,
}

impl ObjectName {
    /// Returns the name as stores use it: `PREFIX-INDEX.aATTEMPT.KIND`.
    #[must_use]
    pub fn expose(&self) -> String {
        let Self { file, attempt } = self;
        let (prefix, extension) = (file.prefix.expose(), file.kind.extension());
        format!("{prefix}-{}.a{attempt}.{extension}", file.index)
    }

    /// Parses a name; `None` unless it is one that [`ObjectName::expose`]
    /// writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (stem, rest) = text.split_once(".a")?;
        let (attempt, extension) = rest.split_once('.')?;
        let kind = FileKind::from_extension(extension)?;
        let object = Self {
            file: FileName::parse(&format!("{stem}.{}", kind.extension()))?,
            attempt: attempt.parse().ok()?,
        };
        (object.expose() == text).then_some(object)
    }
}

/// An object that was opened for reading. An uploaded image can be a hundred
/// megabytes long, so it is held in memory only where that is necessary.
#[derive(Debug)]
pub enum StoredObject {
    /// The whole object in memory.
    Bytes(Vec<u8>),
    /// A file at its beginning, and its length. It can be read to its end even
    /// if it is removed meanwhile.
    File {
        /// The file.
        file: File,
        /// Its length in bytes.
        bytes: u64,
    },
    /// A stream, for example from a bucket.
    Pieces {
        /// The pieces of the object.
        pieces: Box<dyn ObjectPieces>,
        /// Its length in bytes, if known.
        bytes: Option<u64>,
    },
}

/// An object that is read piece by piece, with backpressure.
#[async_trait]
pub trait ObjectPieces: fmt::Debug + Send + Sync {
    /// Returns the next piece, `None` at the end.
    ///
    /// # Errors
    /// Fails when the object ends early, or is longer than allowed.
    async fn next(&mut self) -> Result<Option<Bytes>, StorageError>;
}

/// Stores finished images.
#[async_trait]
pub trait ImageStore: fmt::Debug + Send + Sync {
    /// Stores `bytes`. They are durable and can be read when this returns.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError>;

    /// Returns the bytes of an object, `None` when it does not exist.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError>;

    /// Opens an object to be read piece by piece, where the store supports
    /// that.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    async fn open(&self, object: &ObjectName) -> Result<Option<StoredObject>, StorageError> {
        Ok(self.get(object).await?.map(StoredObject::Bytes))
    }

    /// Checks that an object could be stored now.
    ///
    /// # Errors
    /// Fails when it could not.
    async fn check(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Removes an object; it is no error if it does not exist.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError>;

    /// Removes every object that was written before `moment`, and returns how
    /// many.
    ///
    /// # Errors
    /// Fails when the store cannot be read or written.
    async fn delete_before(&self, moment: Timestamp) -> Result<usize, StorageError>;
}

/// Why the image store failed; for logs, not for callers. The text contains no
/// name of an object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the image store failed: {0}")]
pub struct StorageError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "8c3ef6ea-1c44-4d69-91cb-fc11971a65d1";

    #[test]
    fn names_are_parsed_as_they_are_written() {
        for (index, ending) in [(0, "png"), (12, "base64")] {
            let text = format!("{PREFIX}-{index}.{ending}");
            let name = FileName::parse(&text).unwrap();
            assert_eq!((name.index, name.kind.extension()), (index, ending));
            assert_eq!(name.expose(), text);
        }
    }

    #[test]
    fn other_spellings_are_not_parsed() {
        for text in [
            String::new(),
            format!("{PREFIX}.png"),
            format!("{PREFIX}-0.jpg"),
            format!("{PREFIX}-0.png.png"),
            format!("{PREFIX}-+0.png"),
            format!("{PREFIX}-00.png"),
            format!("../{PREFIX}-0.png"),
            format!("{}-0.png", PREFIX.to_uppercase()),
            format!("{}-0.png", PREFIX.replace('-', "0")),
        ] {
            assert_eq!(FileName::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn only_the_canonical_name_of_an_object_is_read() {
        let object = ObjectName {
            file: FileName::parse(&format!("{PREFIX}-12.png")).unwrap(),
            attempt: 3,
        };
        let name = object.expose();
        assert_eq!(name, format!("{PREFIX}-12.a3.png"));
        assert_eq!(ObjectName::parse(&name), Some(object));
        for other in [".a03.png", ".a3", ".a.png", ".a3.jpg", ".png"] {
            assert_eq!(ObjectName::parse(&name.replace(".a3.png", other)), None);
        }
    }

    #[test]
    fn a_file_of_an_image_has_a_largest_length() {
        let pixels = 512 * 768 * 3;
        let (png, text) = (FileKind::Png.longest(), FileKind::Base64.longest());
        assert!(png > pixels + 768 && png < 2 * pixels, "{png}");
        assert!(text * 3 / 4 >= png && text < 2_500_000, "{text}");
    }

    #[test]
    fn random_bits_are_a_prefix() {
        for bits in [0, 1, u128::MAX, 0x8c3e_f6ea_1c44_4d69_91cb_fc11_971a_65d1] {
            let prefix = FilePrefix::from_random(bits);
            assert_eq!(FilePrefix::parse(prefix.expose()), Some(prefix));
        }
    }

    #[test]
    fn a_prefix_prints_nothing_of_itself() {
        let prefix = FilePrefix::parse(PREFIX).unwrap();
        assert_eq!(format!("{prefix:?}"), "FilePrefix([redacted])");
    }
}
