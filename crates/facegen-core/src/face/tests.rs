//! Spellings of a face image that clients send, and ones that are refused.

use proptest::prelude::*;
use serde::Deserialize;

use super::source::MAX_URL_BYTES;
use super::*;
use crate::FieldError;

const LIMIT: usize = 10_000_000;

/// One row of the table: a text and the expected outcome.
#[derive(Deserialize)]
struct Case {
    name: String,
    text: String,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Url(String),
    Bytes(Vec<u8>),
    Error(String),
}

fn outcome(reading: Result<FaceSource, FieldError>) -> Expected {
    match reading {
        Ok(FaceSource::Url(url)) => Expected::Url(url.expose().to_owned()),
        Ok(FaceSource::Inline(image)) => Expected::Bytes(image.bytes().to_owned()),
        Err(error) => Expected::Error(error.message),
    }
}

fn error(text: &str, max_bytes: usize) -> String {
    FaceSource::parse(text, max_bytes).unwrap_err().message
}

#[test]
fn the_table_of_spellings() {
    let table = include_str!("../../tests/assets/face_sources.json");
    let cases: Vec<Case> = serde_json::from_str(table).unwrap();
    assert!(cases.len() >= 25);
    for case in cases {
        let seen = outcome(FaceSource::parse(&case.text, LIMIT));
        assert_eq!(seen, case.expected, "{}", case.name);
    }
}

#[test]
fn the_length_counts_to_the_byte() {
    for (text, length) in [("AAAA", 3), ("AAA=", 2), ("AAA", 2), ("AA==", 1), ("AA", 1)] {
        for text in [text.to_owned(), format!("data:;base64,{text}")] {
            let read = FaceSource::parse(&text, length);
            assert_eq!(outcome(read), Expected::Bytes(vec![0; length]), "{text}");
            let message = error(&text, length - 1);
            assert!(message.starts_with("face_image must not be longer than"));
        }
    }
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused_by_its_length() {
    // The last character is in no alphabet: decoding would fail with another
    // error, counting stops before it.
    let mut text = "A".repeat(LIMIT * 4 / 3 + 8);
    text.push('!');
    let message = "face_image must not be longer than 10 MB";
    assert_eq!(error(&text, LIMIT), message);
    assert_eq!(error(&format!("data:;base64,{text}"), LIMIT), message);
}

#[test]
fn what_is_no_url_may_stand_in_other_fields() {
    let read = |text: &str| inline::parse("init_image", text, 3);
    for text in [" AAAA\n", "data:image/png;base64,AAAA", "AA AA"] {
        assert_eq!(read(text).unwrap().bytes(), [0; 3], "{text}");
    }
    for (text, message) in [
        ("", "init_image is required"),
        (" null ", "init_image is required"),
        ("data:;base64,", "init_image is empty"),
        ("AAAAAA", "init_image must not be longer than 0.000003 MB"),
        ("data:,AAAA", "init_image must be base64 in its data URI"),
        ("data:;base64,!", "init_image is not valid base64"),
        ("A", "init_image is not valid base64"),
        ("https://a/b.png", "init_image must be a data URI or base64"),
    ] {
        assert_eq!(read(text).unwrap_err().message, message, "{text}");
    }
}

#[test]
fn a_file_has_the_errors_of_its_base64() {
    let file = |length: usize| FaceSource::file(FaceImage::from(vec![0; length]), 3);
    assert_eq!(outcome(file(3)), Expected::Bytes(vec![0; 3]));
    for (length, text) in [
        (0, "data:;base64,"),
        (4, "AAAAAA=="),
        (5, "data:;base64,AAAAAAA"),
    ] {
        let message = file(length).unwrap_err().message;
        assert_eq!(message, error(text, 3), "{length}");
    }
}

#[test]
fn a_url_has_a_limit_of_its_own() {
    let longest = format!("https://a/{}", "x".repeat(MAX_URL_BYTES - 10));
    let source = FaceSource::parse(&longest, 1).unwrap();
    assert_eq!(source, FaceSource::Url(SafeUrl::from(longest.as_str())));
    let message = "face_image must not be a URL of more than 8192 characters";
    assert_eq!(error(&format!("{longest}x"), LIMIT), message);
}

#[test]
fn the_source_prints_neither_photo_nor_secrets() {
    let inline = FaceSource::parse("c2VjcmV0", LIMIT).unwrap();
    assert_eq!(format!("{inline:?}"), "Inline(FaceImage(6 bytes))");
    let url = FaceSource::parse("https://me:pw@a/b?sig=1", LIMIT).unwrap();
    assert_eq!(
        format!("{url:?}"),
        r#"Url(SafeUrl("https://a/[redacted]"))"#
    );
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in any::<String>()) {
        for text in [text.clone(), format!("data:{text}"), format!("data:;base64,{text}")] {
            let _ = outcome(FaceSource::parse(&text, LIMIT));
        }
    }

    #[test]
    fn files_come_back_in_every_spelling(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        use ::base64::Engine;
        use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

        let wrapped: String = STANDARD.encode(&bytes).chars().flat_map(|symbol| [symbol, '\n']).collect();
        for text in [
            STANDARD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
            format!("data:image/png;base64,{}", STANDARD.encode(&bytes)),
            wrapped,
        ] {
            let seen = outcome(FaceSource::parse(&text, bytes.len()));
            prop_assert_eq!(seen, Expected::Bytes(bytes.clone()));
        }
    }
}
