//! The text of `face_image`: a URL, a data URI or base64.

#![no_main]

use facegen_core::FaceSource;
use libfuzzer_sys::fuzz_target;

/// Shorter than inputs may become, so that both sides of the limit are tried.
const MAX_BYTES: usize = 1000;

fuzz_target!(|text: &str| {
    for text in [text.to_owned(), format!("data:image/png;base64,{text}")] {
        match FaceSource::parse(&text, MAX_BYTES) {
            Ok(FaceSource::Inline(image)) => {
                assert!((1..=MAX_BYTES).contains(&image.bytes().len()));
            }
            Ok(FaceSource::Url(url)) => {
                assert!(!url.expose().chars().any(char::is_control));
            }
            Err(error) => assert!(error.message.starts_with("face_image ")),
        }
    }
});
