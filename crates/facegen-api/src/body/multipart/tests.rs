use axum::http::HeaderValue;
use facegen_core::request::Scalar;
use proptest::prelude::*;

use super::*;

fn headers(boundary: &str) -> HeaderMap {
    let content_type = format!("Multipart/Form-Data; boundary=\"{boundary}\"");
    let content_type = HeaderValue::from_str(&content_type).unwrap();
    HeaderMap::from_iter([(CONTENT_TYPE, content_type)])
}

fn text(name: &str, content: &str) -> Vec<u8> {
    part(&format!("name=\"{name}\""), content.as_bytes())
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    part(&format!("name=\"{name}\"; filename=\"a.jpg\""), content)
}

/// Returns a part with these parameters, and what follows it in a header.
fn part(parameters: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--x\r\nContent-Disposition: form-data; {parameters}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn read(parts: &[Vec<u8>]) -> Result<RequestBody, ApiError> {
    let body = [parts.concat().as_slice(), b"--x--\r\n"].concat();
    parse(&headers("x"), &body)
}

/// Returns what is wrong with a form: a description of what was received, or
/// the errors of its fields.
fn wrong(reading: Result<RequestBody, ApiError>) -> String {
    let error = reading.unwrap_err();
    if let ApiError::InvalidBody { received } = error {
        return received.as_str().to_owned();
    }
    assert!(matches!(error, ApiError::Fields(_)), "{error}");
    error.to_string()
}

fn bytes_of(image: Option<SentImage>) -> Vec<u8> {
    match image {
        Some(SentImage::File(image)) => image.bytes().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fields_are_text_and_the_photo_is_a_file() {
    let photo = b"\xff\xd8\xff\r\n--y\r\n\0";
    let body = read(&[
        text(" key ", "abc"),
        text("prompt", "a\r\nb é"),
        text("width", "64"),
        file("face_image", photo),
        file("unknown", b"\xff"),
        text("unknown", ""),
    ]);
    let body = body.unwrap();
    assert_eq!(body.key.unwrap().expose(), "abc");
    assert_eq!(body.generation.prompt, Scalar::from("a\r\nb é"));
    assert_eq!(body.generation.width, Scalar::from("64"));
    assert_eq!(bytes_of(body.face_image), photo);
    assert!(body.errors.is_empty());
}

#[test]
fn an_image_may_be_text_as_in_other_bodies() {
    let body = read(&[text("init_image", "AAAA"), file("base64_string", b"a")]).unwrap();
    assert!(matches!(body.init_image, Some(SentImage::Text(_))));
    assert_eq!(bytes_of(body.base64_string), b"a");
}

#[test]
fn content_that_is_not_text_is_a_file_without_a_name_too() {
    for content_type in ["image/jpeg", "application/octet-stream"] {
        let parameters = format!("name=\"face_image\"\r\nContent-Type: {content_type}");
        let body = read(&[part(&parameters, b"\xff")]).unwrap();
        assert_eq!(bytes_of(body.face_image), b"\xff");
    }
    let plain = "name=\"prompt\"\r\nContent-Type: text/plain; charset=UTF-8";
    let body = read(&[part(plain, b"a")]).unwrap();
    assert_eq!(body.generation.prompt, Scalar::from("a"));
}

#[test]
fn a_file_that_was_not_chosen_is_absent() {
    let parameters = "name=\"face_image\"; filename=\"\"";
    let body = read(&[part(parameters, b""), text("face_image", "AAAA")]).unwrap();
    assert!(matches!(body.face_image, Some(SentImage::Text(_))));
    let body = read(&[part(parameters, b"a")]).unwrap();
    assert_eq!(bytes_of(body.face_image), b"a");
}

#[test]
fn fields_of_the_wrong_kind_are_errors_with_their_names() {
    for (parts, message) in [
        (
            [text("seed", "1"), text(" seed", "2")],
            "seed must not be repeated",
        ),
        (
            [file("face_image", b"a"), text("face_image", "AAAA")],
            "face_image must not be repeated",
        ),
        (
            [file("face_image", b"a"), file("face_image", b"b")],
            "face_image must not be repeated",
        ),
        (
            [file("face_image", b"a"), file("init_image", b"b")],
            "init_image must be the only file",
        ),
        (
            [text("key", "abc"), file("prompt", b"a")],
            "prompt must be text, not a file",
        ),
        (
            [text("key", "abc"), part("name=prompt", b"\xff")],
            "prompt must be valid Unicode text",
        ),
        (
            [text("key", "abc"), part("name=face_image", b"\xff\xd8")],
            "face_image must be text, or a file that has a name",
        ),
    ] {
        assert_eq!(wrong(read(&parts)), message);
    }
}

#[test]
fn a_part_needs_a_name() {
    for parameters in ["filename=\"a.jpg\"", "nickname=\"key\"", ""] {
        let message = "a multipart form with a part that has no name";
        assert_eq!(wrong(read(&[part(parameters, b"a")])), message);
    }
}

#[test]
fn a_form_has_up_to_32_parts() {
    let parts: Vec<_> = (0..33)
        .map(|number| text(&format!("a{number}"), ""))
        .collect();
    assert!(read(&parts[1..]).is_ok());
    assert!(read(&[]).is_ok());
    let message = "a multipart form of more than 32 parts";
    assert_eq!(wrong(read(&parts)), message);
}

#[test]
fn the_boundary_must_be_the_one_of_the_header() {
    let body = [text("key", "abc"), b"--x--".to_vec()].concat();
    let message = "a multipart form without the boundary of its Content-Type";
    assert_eq!(wrong(parse(&headers("y"), &body)), message);
    let large = [file("face_image", &[b'\r'; 300_000]), b"--x--".to_vec()].concat();
    assert_eq!(wrong(parse(&headers("y"), &large)), message);
    let none = HeaderValue::from_static("multipart/form-data");
    let none = HeaderMap::from_iter([(CONTENT_TYPE, none)]);
    assert!(wrong(parse(&none, &body)).starts_with("a multipart form without a boundary"));
}

#[test]
fn a_form_that_is_cut_off_anywhere_is_an_error() {
    let parts = [text("prompt", "a"), file("face_image", b"\xff\xd8")];
    let body = [parts.concat().as_slice(), b"--x--"].concat();
    assert!(parse(&headers("x"), &body).is_ok());
    for length in 1..body.len() {
        let message = wrong(parse(&headers("x"), &body[..length]));
        let of_field = message.ends_with("is cut off: the form ends within it");
        assert!(
            of_field || message.starts_with("a multipart form "),
            "{length}: {message}"
        );
    }
    let in_photo = body.len() - "?\r\n--x--".len();
    let message = "face_image is cut off: the form ends within it";
    assert_eq!(wrong(parse(&headers("x"), &body[..in_photo])), message);
}

#[test]
fn headers_have_a_limit() {
    let long = "a".repeat(500_000);
    let message = "a multipart form with a part whose header cannot be read";
    for parameters in [format!("name=\"{long}\""), format!("name=a\r\n{long}")] {
        assert_eq!(
            wrong(read(&[text("key", "abc"), part(&parameters, b"")])),
            message
        );
    }
    let many = "\r\na: b".repeat(40);
    assert_eq!(wrong(read(&[part(&format!("name=a{many}"), b"")])), message);
}

#[test]
fn files_come_back_whole_however_they_lie_in_the_pieces() {
    for length in [0, 1, 65_400, 65_535, 65_536, 65_537, 131_072, 1_000_003] {
        for filler in [b'a', b'\r', b'-'] {
            let photo = vec![filler; length];
            let body = read(&[file("face_image", &photo), text("key", "abc")]).unwrap();
            assert_eq!(bytes_of(body.face_image), photo, "{length}");
            assert_eq!(body.key.unwrap().expose(), "abc");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_parser(
        bytes in prop::collection::vec(any::<u8>(), 0..50),
        pieces in prop::collection::vec(
            prop_oneof![
                Just("--x"), Just("--"), Just("\r\n"), Just("\r\n\r\n"), Just("name=\"key\""),
                Just("Content-Disposition: form-data; "), Just("filename=\"\""), Just("a"),
            ],
            0..20,
        ),
    ) {
        for body in [bytes.clone(), pieces.concat().into_bytes()] {
            let _ = early_key(&headers("x"), &body);
            if let Err(error) = parse(&headers("x"), &body) {
                let is_typed = matches!(error, ApiError::InvalidBody { .. } | ApiError::Fields(_));
                prop_assert!(is_typed, "{}", error);
            }
        }
    }

    #[test]
    fn any_file_is_read_as_it_was(photo in prop::collection::vec(any::<u8>(), 1..200)) {
        prop_assume!(!photo.windows(3).any(|bytes| bytes == b"--x"));
        let body = read(&[file("face_image", &photo)]).unwrap();
        prop_assert_eq!(bytes_of(body.face_image), photo);
    }
}
