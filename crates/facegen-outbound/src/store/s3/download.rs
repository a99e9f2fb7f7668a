//! Objects streamed from the bucket, piece by piece.
//!
//! A bucket belongs to the key that configured it, so what it sends is bounded:
//! in length by the largest image, in time by piece and as a whole. The next
//! piece is requested when the one before was taken.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use facegen_core::{ObjectPieces, StorageError, StoredObject};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a bucket may take for one piece.
const PIECE_TIME: Duration = Duration::from_secs(10);

/// How long a generated image may take as a whole, however slowly it is read.
pub(super) const OBJECT_TIME: Duration = Duration::from_mins(2);

/// An object that is being read.
pub(super) struct Download {
    body: ByteStream,
    /// The length that the bucket announces.
    announced: Option<u64>,
    /// How many bytes may still come.
    left: usize,
    until: Instant,
}

impl Download {
    /// Starts reading an object of at most `longest` bytes, for as long as
    /// `time`.
    pub(super) fn new(
        got: GetObjectOutput,
        longest: usize,
        time: Duration,
    ) -> Result<Self, StorageError> {
        let announced = got
            .content_length
            .and_then(|length| u64::try_from(length).ok());
        if announced.is_some_and(|length| length > longest as u64) {
            return Err(too_long());
        }
        Ok(Self {
            body: got.body,
            announced,
            left: longest,
            until: Instant::now() + time,
        })
    }
}

#[async_trait]
impl ObjectPieces for Download {
    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        let piece = timeout_at(self.until, timeout(PIECE_TIME, self.body.next())).await;
        let Ok(Ok(piece)) = piece else {
            return Err(broken("the bucket is too slow"));
        };
        let Some(piece) = piece else {
            return Ok(None);
        };
        let piece = piece.map_err(|_| broken("the answer broke off"))?;
        self.left = self.left.checked_sub(piece.len()).ok_or_else(too_long)?;
        Ok(Some(piece))
    }
}

impl From<Download> for StoredObject {
    fn from(download: Download) -> Self {
        Self::Pieces {
            bytes: download.announced,
            pieces: Box::new(download),
        }
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Download").finish_non_exhaustive()
    }
}

fn too_long() -> StorageError {
    broken("it is longer than an image can be")
}

fn broken(reason: &str) -> StorageError {
    StorageError(format!("an object cannot be read: {reason}"))
}

#[cfg(test)]
mod tests {
    use facegen_core::redact::Secret;
    use facegen_core::{FileKind, ImageStore as _};
    use tokio::io::AsyncWriteExt as _;

    use super::super::{S3Settings, S3Store};
    use super::*;
    use crate::store::conformance::object;
    use crate::testing::{FakeResolver, Host, PERMITTED, guard, read_head};

    const LONGEST: usize = FileKind::Png.longest();

    /// Returns a store behind a host, reached through the guard.
    fn store(host: &Host) -> S3Store {
        let settings = S3Settings {
            endpoint_url: Some(host.url("").into()),
            region: "us-east-1".to_owned(),
            bucket: "faces".to_owned(),
            image_directory: String::new(),
            access_key_id: Secret::new("id".to_owned()),
            secret_access_key: Secret::new("secret".to_owned()),
            public_url: host.url("/faces"),
            check_url: None,
            public_read_acl: true,
            attempt_timeout: Duration::from_secs(20),
        };
        S3Store::new(settings, guard(&FakeResolver::empty()))
    }

    /// Starts a host that answers with these headers and then sends so many bytes.
    async fn host(headers: &'static str, bytes: usize, ends: bool) -> Host {
        Host::start(PERMITTED, move |mut stream| async move {
            read_head(&mut stream).await?;
            let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&vec![7; bytes]).await?;
            if !ends {
                std::future::pending::<()>().await;
            }
            stream.shutdown().await
        })
        .await
    }

    async fn pieces(store: &S3Store) -> Result<Box<dyn ObjectPieces>, StorageError> {
        match store.open(&object(0, 1)).await? {
            Some(StoredObject::Pieces { pieces, .. }) => Ok(pieces),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn no_more_is_read_than_an_image_can_be() {
        for (headers, bytes, whole) in [
            ("", LONGEST, true),
            ("", LONGEST + 1, false),
            ("", 30_000_000, false),
            ("content-length: 100\r\n", 100, true),
            ("content-length: 31000000\r\n", 100, false),
        ] {
            let host = host(headers, bytes, true).await;
            let got = store(&host).get(&object(0, 1)).await;
            let length = got.as_ref().ok().and_then(|got| Some(got.as_ref()?.len()));
            assert_eq!(length, whole.then_some(bytes), "{headers} {bytes}");
        }
    }

    #[tokio::test]
    async fn an_object_is_read_on_demand_and_ends_where_it_becomes_too_long() {
        let host = host("", 30_000_000, true).await;
        let mut pieces = pieces(&store(&host)).await.unwrap();
        let mut read = 0;
        let error = loop {
            match pieces.next().await {
                Ok(piece) => {
                    let piece = piece.unwrap();
                    assert!(piece.len() < LONGEST / 2, "{}", piece.len());
                    read += piece.len();
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error, too_long());
        assert!(read <= LONGEST, "{read}");
    }

    #[tokio::test]
    async fn the_announced_length_is_passed_on() {
        let host = host("content-length: 5\r\n", 5, true).await;
        let opened = store(&host).open(&object(0, 1)).await.unwrap();
        let Some(StoredObject::Pieces { bytes, .. }) = opened else {
            panic!("{opened:?}");
        };
        assert_eq!(bytes, Some(5));
    }

    #[tokio::test]
    async fn a_bucket_that_stops_within_an_object_times_out() {
        let host = host("content-length: 9\r\n", 5, false).await;
        let mut pieces = pieces(&store(&host)).await.unwrap();
        assert_eq!(pieces.next().await.unwrap().unwrap().len(), 5);
        tokio::time::pause();
        let begin = Instant::now();
        let error = pieces.next().await.unwrap_err();
        assert_eq!(error, broken("the bucket is too slow"));
        assert!(begin.elapsed() >= PIECE_TIME && begin.elapsed() < 2 * PIECE_TIME);
    }
}
