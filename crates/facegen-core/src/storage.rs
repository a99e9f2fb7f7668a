//! The names of stored images, and the port to where they are kept.

use std::fmt;
use std::fs::File;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

use crate::Timestamp;
use crate::request::SizeLimits;

/// No PNG of the largest image that any preset may offer is longer, in bytes:
/// its pixels, a half more for a way of packing that does not suit them, and
/// what is told about them.
const LONGEST_PNG: usize = SizeLimits::LARGEST_AREA as usize * 3 * 3 / 2 + 64 * 1024;

/// What the names of all files of one job begin with: a random UUID (version
/// 4), so that nobody can guess a link.
///
/// Who has it can see the images, so it prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FilePrefix(String);

impl FilePrefix {
    /// The prefix with this text, `None` unless it is a UUID in its usual
    /// spelling: lower case, with hyphens.
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

    /// The prefix of these random bits, spelt as a UUID.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        let digits = format!("{bits:032x}");
        let (first, rest) = digits.split_at(8);
        let (second, rest) = rest.split_at(4);
        let (third, rest) = rest.split_at(4);
        let (fourth, last) = rest.split_at(4);
        Self(format!("{first}-{second}-{third}-{fourth}-{last}"))
    }

    /// The text, for links and file names.
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

/// What a stored file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// An image.
    Png,
    /// The same image as base64 text.
    Base64,
}

impl FileKind {
    /// The ending of the file's name, without a dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Base64 => "base64",
        }
    }

    /// The kind with this ending.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        [Self::Png, Self::Base64]
            .into_iter()
            .find(|kind| kind.extension() == extension)
    }

    /// No file of an image that is made is longer, in bytes. One that a caller
    /// has sent may be.
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::Png => LONGEST_PNG,
            Self::Base64 => LONGEST_PNG.div_ceil(3) * 4,
        }
    }

    /// The MIME type of the file.
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
    /// The job's own part.
    pub prefix: FilePrefix,
    /// The image's number within its job, from 0.
    pub index: u32,
    /// What the file holds.
    pub kind: FileKind,
}

impl FileName {
    /// Reads a name, `None` unless it is one that [`FileName::expose`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (stem, extension) = text.split_once('.')?;
        let (prefix, index) = stem.rsplit_once('-')?;
        let name = Self {
            prefix: FilePrefix::parse(prefix)?,
            index: index.parse().ok()?,
            kind: FileKind::from_extension(extension)?,
        };
        // One spelling only: no `+1`, no `01`.
        (name.expose() == text).then_some(name)
    }

    /// The text, for links.
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
/// Every attempt at a job writes objects of its own. A link leads to those of
/// the attempt that finished the job, so a late writer replaces nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// The name in links.
    pub file: FileName,
    /// The attempt that wrote the file, from 1.
    pub attempt: u32,
}

impl ObjectName {
    /// The name as stores spell it: `PREFIX-INDEX.aATTEMPT.KIND`.
    #[must_use]
    pub fn expose(&self) -> String {
        let Self { file, attempt } = self;
        let (prefix, extension) = (file.prefix.expose(), file.kind.extension());
        format!("{prefix}-{}.a{attempt}.{extension}", file.index)
    }

    /// Reads a name, `None` unless it is one that [`ObjectName::expose`] writes.
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

/// An object that is about to be read. An image that a caller has sent may be a
/// hundred megabytes long, so it is held in memory only where it must be.
#[derive(Debug)]
pub enum StoredObject {
    /// All of it.
    Bytes(Vec<u8>),
    /// A file at its beginning, and how long it is. It can be read to its end
    /// even if it is removed meanwhile.
    File {
        /// The file.
        file: File,
        /// Its length in bytes.
        bytes: u64,
    },
    /// An object that comes from elsewhere while it is read.
    Pieces {
        /// What comes.
        pieces: Box<dyn ObjectPieces>,
        /// Its length in bytes, if that was told.
        bytes: Option<u64>,
    },
}

/// An object that comes piece by piece, no faster than it is asked for.
#[async_trait]
pub trait ObjectPieces: fmt::Debug + Send + Sync {
    /// The next piece, `None` at the end.
    ///
    /// # Errors
    /// The object breaks off, or is longer than it may be.
    async fn next(&mut self) -> Result<Option<Bytes>, StorageError>;
}

/// Keeps finished images.
#[async_trait]
pub trait ImageStore: fmt::Debug + Send + Sync {
    /// Keeps `bytes`. When this returns they are durable and readable, whole.
    ///
    /// # Errors
    /// The store cannot be written.
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError>;

    /// The bytes of an object, `None` when it is not there.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError>;

    /// The same object, to be read piece by piece where the store can do that.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn open(&self, object: &ObjectName) -> Result<Option<StoredObject>, StorageError> {
        Ok(self.get(object).await?.map(StoredObject::Bytes))
    }

    /// Finds out whether an object could be kept now.
    ///
    /// # Errors
    /// It could not.
    async fn check(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Removes an object; one that is not there is no error.
    ///
    /// # Errors
    /// The store cannot be written.
    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError>;

    /// Removes every object that was written before `moment`, and says how
    /// many there were.
    ///
    /// # Errors
    /// The store cannot be read or written.
    async fn delete_before(&self, moment: Timestamp) -> Result<usize, StorageError>;
}

/// The store does not do its work, and why; for logs, not for callers. The
/// text holds no name of an object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the image store failed: {0}")]
pub struct StorageError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "8c3ef6ea-1c44-4d69-91cb-fc11971a65d1";

    #[test]
    fn names_are_read_as_they_are_written() {
        for (index, ending) in [(0, "png"), (12, "base64")] {
            let text = format!("{PREFIX}-{index}.{ending}");
            let name = FileName::parse(&text).unwrap();
            assert_eq!((name.index, name.kind.extension()), (index, ending));
            assert_eq!(name.expose(), text);
        }
    }

    #[test]
    fn other_spellings_are_no_names() {
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
    fn only_our_own_spelling_of_an_object_is_read() {
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
    fn a_image_has_a_longest_file() {
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
