//! The bytes of a file, streamed as fast as the client reads them, so that a
//! slow client holds no more than one piece in memory.

use std::io::SeekFrom;

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use facegen_core::{ObjectPieces, StorageError, StoredObject};
use facegen_jobs::JobError;
use futures_util::stream::{Stream, unfold};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use tracing::warn;

use super::range::Part;
use crate::ApiError;

/// How much of a file is in memory per reader.
const PIECE: usize = 64 * 1024;

/// Returns the length of a file, if it is known.
pub(super) fn length(file: &StoredObject) -> Option<u64> {
    match file {
        StoredObject::Bytes(bytes) => Some(bytes.len() as u64),
        StoredObject::File { bytes, .. } => Some(*bytes),
        StoredObject::Pieces { bytes, .. } => *bytes,
    }
}

/// Returns the bytes of a part of the file, or all of them.
///
/// # Errors
/// Fails when the file cannot be read.
pub(super) async fn body(file: StoredObject, part: Option<&Part>) -> Result<Body, ApiError> {
    let start = part.map_or(0, |part| part.start);
    let length = part.map_or(u64::MAX, Part::length);
    match file {
        StoredObject::Bytes(bytes) => {
            let mut bytes = Bytes::from(bytes);
            cut(&mut bytes, start, length);
            Ok(bytes.into())
        }
        StoredObject::File { file, .. } => {
            let mut file = tokio::fs::File::from_std(file);
            let sought = file.seek(SeekFrom::Start(start)).await;
            sought.map_err(|error| JobError::Images(StorageError(error.to_string())))?;
            let pieces = ReaderStream::with_capacity(file.take(length), PIECE);
            Ok(Body::from_stream(pieces))
        }
        StoredObject::Pieces { pieces, .. } => {
            let pieces = PartOfPieces {
                pieces,
                skip: start,
                left: length,
            };
            Ok(Body::from_stream(stream(pieces)))
        }
    }
}

/// Cuts `bytes` to at most `length`, after `skip`; returns how many were
/// skipped.
fn cut(bytes: &mut Bytes, skip: u64, length: u64) -> u64 {
    let within = |count: u64, bytes: &Bytes| {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        count.min(bytes.len())
    };
    let skipped = within(skip, bytes);
    bytes.advance(skipped);
    bytes.truncate(within(length, bytes));
    skipped as u64
}

/// The part of an object that comes in pieces. A bucket sends the object from
/// its beginning, and no further than to the end of the part.
struct PartOfPieces {
    pieces: Box<dyn ObjectPieces>,
    /// How many bytes come before the part.
    skip: u64,
    /// How many bytes of the part are left.
    left: u64,
}

impl PartOfPieces {
    /// Returns the next bytes of the part, `None` at its end.
    ///
    /// # Errors
    /// Fails when the object ends early.
    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        while self.left > 0 {
            let Some(mut piece) = self.pieces.next().await? else {
                return Ok(None);
            };
            self.skip -= cut(&mut piece, self.skip, self.left);
            self.left -= piece.len() as u64;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// Streams an object from a bucket. When the bucket fails, the response breaks
/// off, which the client notices by its length.
fn stream(
    pieces: PartOfPieces,
) -> impl Stream<Item = Result<Bytes, StorageError>> + Send + 'static {
    unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        match pieces.next().await {
            Ok(piece) => Some((Ok(piece?), Some(pieces))),
            Err(error) => {
                warn!(%error, "failed to read an image from the bucket");
                Some((Err(error), None))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::{Seek as _, Write as _};

    use async_trait::async_trait;
    use axum::http::header::RANGE;
    use axum::http::{HeaderMap, HeaderValue};
    use http_body_util::BodyExt as _;

    use super::*;

    const CONTENT: &[u8] = b"0123456789";

    #[derive(Debug)]
    struct Pieces(VecDeque<&'static [u8]>);

    #[async_trait]
    impl ObjectPieces for Pieces {
        async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
            match self.0.pop_front() {
                Some(b"!") => Err(StorageError(String::from("it broke off"))),
                piece => Ok(piece.map(Bytes::from_static)),
            }
        }
    }

    fn pieces(pieces: &[&'static [u8]]) -> StoredObject {
        StoredObject::Pieces {
            pieces: Box::new(Pieces(pieces.iter().copied().collect())),
            bytes: Some(CONTENT.len() as u64),
        }
    }

    fn objects() -> [StoredObject; 4] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(CONTENT).unwrap();
        file.rewind().unwrap();
        let bytes = CONTENT.len() as u64;
        [
            StoredObject::Bytes(CONTENT.to_vec()),
            StoredObject::File { file, bytes },
            pieces(&[CONTENT]),
            pieces(&[b"012", b"", b"3", b"456", b"789"]),
        ]
    }

    fn part(text: &'static str) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static(text));
        let part = Part::requested(&headers, "", CONTENT.len() as u64);
        part.unwrap().unwrap()
    }

    async fn read(file: StoredObject, part: Option<&Part>) -> Bytes {
        let body = body(file, part).await.unwrap();
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn each_part_has_its_bytes_in_every_store() {
        for (range, expected) in [
            ("bytes=0-0", "0"),
            ("bytes=0-9", "0123456789"),
            ("bytes=2-5", "2345"),
            ("bytes=3-3", "3"),
            ("bytes=4-", "456789"),
            ("bytes=9-9", "9"),
            ("bytes=-2", "89"),
        ] {
            for object in objects() {
                let part = part(range);
                let name = format!("{range} of {object:?}");
                assert_eq!(length(&object), Some(10));
                assert_eq!(read(object, Some(&part)).await, expected, "{name}");
            }
        }
        for object in objects() {
            assert_eq!(read(object, None).await, CONTENT);
        }
    }

    #[tokio::test]
    async fn a_bucket_is_read_no_further_than_the_part() {
        let part = part("bytes=1-2");
        let broken = || pieces(&[b"012", b"!"]);
        assert_eq!(read(broken(), Some(&part)).await, "12");
        let whole = body(broken(), None).await.unwrap();
        assert!(whole.collect().await.is_err());
    }
}
