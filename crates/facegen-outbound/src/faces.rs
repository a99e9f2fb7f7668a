//! Fetches photos from URLs.

use std::time::Duration;

use async_trait::async_trait;
use facegen_core::redact::{FaceImage, SafeUrl};
use facegen_core::{ErrorCode, FaceError, FaceReader, Photo};
use facegen_image::{ImageLimits, InputImageError, read_image};
use tracing::info;

use crate::guard::{Guard, GuardError};

/// The message about a host of which callers must not learn more.
const CANNOT_BE_FETCHED: &str = "face_image cannot be fetched from its URL";

/// Fetches photos through the guard and reads them.
#[derive(Debug, Clone)]
pub struct Faces {
    guard: Guard,
    limits: ImageLimits,
    deadline: Duration,
}

impl Faces {
    /// Creates a fetcher of photos within `limits`, each within `deadline`,
    /// redirects included.
    #[must_use]
    pub fn new(guard: Guard, limits: ImageLimits, deadline: Duration) -> Self {
        Self {
            guard,
            limits,
            deadline,
        }
    }

    /// Returns the error for the caller, which reveals nothing about private networks: a
    /// name that resolves to a private address looks like an unknown one.
    fn face_error(&self, error: &GuardError) -> FaceError {
        let message = match error {
            GuardError::Refused(refusal) => match refusal.rule() {
                Some(rule) => format!("face_image {rule}"),
                None => CANNOT_BE_FETCHED.to_owned(),
            },
            GuardError::RedirectRefused(refusal) => match refusal.rule() {
                Some(rule) => format!(
                    "face_image cannot be fetched, its server redirects to a URL that is refused: it {rule}"
                ),
                None => CANNOT_BE_FETCHED.to_owned(),
            },
            GuardError::Unreachable(_) | GuardError::Client(_) => CANNOT_BE_FETCHED.to_owned(),
            GuardError::TooManyRedirects(most) => {
                format!("face_image cannot be fetched, its server redirects more than {most} times")
            }
            GuardError::BrokenOff(_) => {
                "face_image cannot be fetched, its server broke off the connection".to_owned()
            }
            GuardError::TimedOut(_) => FaceError::timed_out(self.deadline).message,
            GuardError::Status(status) => FaceError::answered(*status).message,
            GuardError::Part => {
                "face_image cannot be fetched, its server answered 206 with a part of it".to_owned()
            }
            GuardError::TooLong { max_bytes } => InputImageError::TooLong {
                max_bytes: *max_bytes,
            }
            .to_string(),
        };
        FaceError {
            code: error.code(),
            message,
        }
    }
}

#[async_trait]
impl FaceReader for Faces {
    async fn fetch(&self, url: &SafeUrl) -> Result<FaceImage, FaceError> {
        let body = self
            .guard
            .get(url, self.limits.max_bytes, self.deadline)
            .await;
        body.map(FaceImage::from).map_err(|error| {
            info!(%url, %error, "face image cannot be fetched");
            self.face_error(&error)
        })
    }

    fn decode(&self, image: &FaceImage) -> Result<Photo, FaceError> {
        read(image, &self.limits)
    }

    fn decode_stored(&self, image: &FaceImage) -> Result<Photo, FaceError> {
        let limits = ImageLimits {
            max_bytes: usize::MAX,
            ..self.limits
        };
        read(image, &limits)
    }
}

fn read(image: &FaceImage, limits: &ImageLimits) -> Result<Photo, FaceError> {
    read_image(image.bytes(), limits).map_err(|error| FaceError {
        code: ErrorCode::InvalidFaceImage,
        message: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeResolver, Host, guard};

    fn faces() -> Faces {
        let guard = guard(&FakeResolver::empty());
        Faces::new(guard, ImageLimits::default(), Duration::from_secs(10))
    }

    #[tokio::test]
    async fn a_photo_is_fetched_and_read() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../facegen-image/tests/assets/images/progressive.jpg"
        );
        let file = std::fs::read(path).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", file.len());
        let host = Host::answering([head.as_bytes(), &file].concat()).await;
        let image = faces().fetch(&host.url("/face.jpg").into()).await.unwrap();
        assert_eq!(image.bytes(), file);
        let image = faces().decode(&image).unwrap().image;
        assert_eq!((image.width(), image.height()), (48, 32));
    }

    #[test]
    fn own_files_may_be_longer_but_not_larger() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../facegen-image/tests/assets/images/progressive.jpg"
        );
        let image = FaceImage::from(std::fs::read(path).unwrap());
        let short = ImageLimits {
            max_bytes: 100,
            ..ImageLimits::default()
        };
        let small = ImageLimits {
            max_pixels: 100,
            ..short
        };
        let guard = guard(&FakeResolver::empty());
        for (limits, foreign, own) in [(short, false, true), (small, false, false)] {
            let faces = Faces::new(guard.clone(), limits, Duration::from_secs(10));
            assert_eq!(faces.decode(&image).is_ok(), foreign);
            assert_eq!(faces.decode_stored(&image).is_ok(), own);
        }
    }

    #[test]
    fn responses_without_a_photo_are_an_unusable_face_image() {
        let error = faces().decode(&b"<html>".to_vec().into()).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidFaceImage);
        assert_eq!(
            error.message,
            "face_image is not a JPEG, PNG, WebP or GIF image"
        );
    }
}
