//! Photos without a network and without a decoder.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::redact::{FaceImage, SafeUrl};
use crate::{FaceError, FaceReader, Photo, RgbImage};

/// Serves the photos that it was given, and decodes any bytes to a grey square.
/// Bytes that begin with `broken` fail; those that begin with `odd` give a
/// warning.
#[derive(Debug, Clone, Default)]
pub struct FakeFaceReader {
    photos: BTreeMap<String, Vec<u8>>,
}

impl FakeFaceReader {
    /// Adds a photo at `url`.
    #[must_use]
    pub fn with(mut self, url: &str, bytes: &[u8]) -> Self {
        self.photos.insert(url.to_owned(), bytes.to_owned());
        self
    }
}

#[async_trait]
impl FaceReader for FakeFaceReader {
    async fn fetch(&self, url: &SafeUrl) -> Result<FaceImage, FaceError> {
        let bytes = self.photos.get(url.expose());
        bytes
            .map(|bytes| FaceImage::from(bytes.clone()))
            .ok_or_else(|| FaceError::new("face_image cannot be fetched"))
    }

    fn decode(&self, file: &FaceImage) -> Result<Photo, FaceError> {
        if file.bytes().starts_with(b"broken") {
            return Err(FaceError::new("face_image is truncated or damaged"));
        }
        let grey = file.bytes().first().copied().unwrap_or(0);
        let image = RgbImage::new(32, 32, vec![grey; 32 * 32 * 3])
            .map_err(|error| FaceError::new(error.to_string()))?;
        let is_odd = file.bytes().starts_with(b"odd");
        Ok(Photo {
            image,
            warnings: is_odd
                .then(|| "face_image is odd".to_owned())
                .into_iter()
                .collect(),
        })
    }
}
