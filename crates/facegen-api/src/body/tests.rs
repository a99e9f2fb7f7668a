use axum::http::{HeaderMap, HeaderValue};
use facegen_core::request::Scalar;
use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<RequestBody, ApiError> {
    parse_body(&HeaderMap::new(), text.as_bytes())
}

fn form(text: &str) -> RequestBody {
    let mut headers = HeaderMap::new();
    let content_type = "Application/X-WWW-Form-Urlencoded; charset=UTF-8";
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    parse_body(&headers, text.as_bytes()).unwrap()
}

fn errors(text: &str) -> Vec<String> {
    let errors = parse(text).unwrap().errors;
    errors.into_iter().map(|error| error.message).collect()
}

#[test]
fn values_keep_the_type_they_were_sent_in() {
    let text = r#"{"width":"512","height":512,"s_scale":1.5,"base64":true,"seed":null,
                   "track_id":9223372036854775807,"unknown":[{}],"key":"k","face_image":"f\/g"}"#;
    let body = parse(text).unwrap();
    assert_eq!(body.generation.width, Scalar::from("512"));
    assert_eq!(body.generation.height, Scalar::Integer(512));
    assert_eq!(body.generation.s_scale, Scalar::Float(1.5));
    assert_eq!(body.generation.base64, Scalar::Bool(true));
    assert_eq!(body.generation.seed, Scalar::Null);
    assert_eq!(body.generation.track_id, Scalar::Integer(i64::MAX));
    assert_eq!(body.key.unwrap().expose(), "k");
    let Some(SentImage::Text(face_image)) = body.face_image else {
        panic!("{:?}", body.face_image);
    };
    assert_eq!(face_image.expose(), "f/g");
    assert!(body.errors.is_empty());
}

#[test]
fn names_are_trimmed_and_the_last_of_two_values_counts() {
    let body = parse(r#"{" track_id":1,"track_id ":"two","width":[],"width":64}"#).unwrap();
    assert_eq!(body.generation.track_id, Scalar::from("two"));
    assert_eq!(body.generation.width, Scalar::Integer(64));
    assert!(body.errors.is_empty());
    assert_eq!(
        errors(r#"{"width":64,"width":{}}"#),
        ["width must be a single value"]
    );
}

#[test]
fn values_that_no_field_can_have_are_errors_of_their_field() {
    for (text, message) in [
        (r#"{"prompt":[]}"#, "prompt must be a single value"),
        (
            r#"{"face_image":{"a":1}}"#,
            "face_image must be a single value",
        ),
        (r#"{"face_image":7}"#, "face_image must be a string"),
        (
            r#"{"prompt":"\ud800"}"#,
            "prompt must be valid Unicode text",
        ),
        (
            r#"{"track_id":9223372036854775808}"#,
            "track_id must fit into 64 bits, or be a string",
        ),
        (
            r#"{"track_id":-1e309}"#,
            "track_id must fit into 64 bits, or be a string",
        ),
    ] {
        assert_eq!(errors(text), [message], "{text}");
    }
}

#[test]
fn numbers_beyond_all_ranges_are_left_to_the_ranges() {
    let body = parse(r#"{"width":1e309,"seed":18446744073709551616,"samples":-0}"#).unwrap();
    assert_eq!(body.generation.width, Scalar::Float(f64::INFINITY));
    assert_eq!(body.generation.seed, Scalar::Float(2_f64.powi(64)));
    assert_eq!(body.generation.samples, Scalar::Integer(0));
}

#[test]
fn what_is_no_object_is_refused() {
    let deep = "[".repeat(10_000);
    let broken_member = format!(r#"{{"unknown":{deep}}}"#);
    for text in [
        "[]",
        "1",
        "\"text\"",
        "null",
        "{",
        "{}x",
        "{}{}",
        "{\"a\"}",
        "{'a':1}",
        "{\"width\":NaN}",
        "a=1&b=2",
        &deep,
        &broken_member,
    ] {
        assert!(
            matches!(parse(text), Err(ApiError::InvalidBody { .. })),
            "{text:.20}"
        );
    }
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(parse_body(&HeaderMap::new(), &utf16).is_err());
    assert!(parse_body(&HeaderMap::new(), &[0xff, b'{', b'}']).is_err());
}

#[test]
fn depth_does_not_matter_in_unknown_fields() {
    let deep = format!(
        r#"{{"unknown":{}{},"width":64}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert_eq!(parse(&deep).unwrap().generation.width, Scalar::Integer(64));
    let known = deep.replace("unknown", "height");
    assert_eq!(errors(&known), ["height must be a single value"]);
}

#[test]
fn a_byte_order_mark_and_white_space_are_no_matter() {
    let body = parse("\u{feff} \r\n{\"width\":64}\n").unwrap();
    assert_eq!(body.generation.width, Scalar::Integer(64));
    assert!(parse("").unwrap().key.is_none());
}

#[test]
fn forms_are_read_where_the_headers_say_so() {
    let body = form("key=a+key&prompt=a%20b%26c&width=64&unknown=1&%20track_id=x");
    assert_eq!(body.key.unwrap().expose(), "a key");
    assert_eq!(body.generation.prompt, Scalar::from("a b&c"));
    assert_eq!(body.generation.width, Scalar::from("64"));
    assert_eq!(body.generation.track_id, Scalar::from("x"));
    assert_eq!(
        form(r#"{"width":64}"#).generation.width,
        Scalar::Integer(64)
    );
}

#[test]
fn either_name_of_a_job_will_do() {
    for (text, name, value) in [
        (r#"{"request_id":"7"}"#, "request_id", Scalar::from("7")),
        (r#"{"id":7}"#, "id", Scalar::Integer(7)),
        (
            r#"{"id":7,"request_id":8}"#,
            "request_id",
            Scalar::Integer(8),
        ),
        (r#"{"id":7,"request_id":[]}"#, "id", Scalar::Integer(7)),
    ] {
        assert_eq!(
            parse(text).unwrap().job().unwrap(),
            (name, &value),
            "{text}"
        );
    }
    for (text, message) in [
        (r#"{"id":null}"#, "request_id is required"),
        (r#"{"id":[],"width":[]}"#, "id must be a single value"),
    ] {
        let error = parse(text).unwrap().job().unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn secrets_do_not_print() {
    let body = parse(r#"{"key":"hunter2","face_image":"AAAABBBB","prompt":"a prompt"}"#).unwrap();
    let printed = format!("{body:?}");
    for secret in ["hunter2", "AAAABBBB", "a prompt"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

/// Generates texts that are, or almost are, JSON or a form.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        Just("width"),
        Just("key"),
        Just("track_id"),
        Just(" seed"),
        Just("x")
    ];
    let value = prop_oneof![
        "-?[0-9]{0,30}",
        "-?[0-9]\\.[0-9]e-?[0-9]{1,4}",
        "\"\\PC{0,9}\"",
        "\\PC{0,9}"
    ];
    let member =
        (name.clone(), value.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    let members = prop::collection::vec(member, 0..5);
    let object = members.prop_map(|members| format!("{{{}}}", members.join(",")).into_bytes());
    let field = (name, value).prop_map(|(name, value)| format!("{name}={value}"));
    let form = prop::collection::vec(field, 0..5).prop_map(|fields| fields.join("&").into_bytes());
    prop_oneof![object, form, prop::collection::vec(any::<u8>(), 0..50)]
}

proptest! {
    #[test]
    fn no_bytes_break_the_parser_and_no_error_shows_what_was_sent(bytes in any_body()) {
        let form = "application/x-www-form-urlencoded";
        for content_type in ["application/json", form] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            let Ok(body) = parse_body(&headers, &bytes) else {
                continue;
            };
            for error in body.errors {
                let rule = error.message.strip_prefix(error.field).unwrap();
                prop_assert!(rule.starts_with(" must "), "{}", error.message);
            }
        }
    }

    #[test]
    fn what_is_written_as_json_is_read_as_it_was(
        prompt in any::<String>(),
        seed in any::<i64>(),
        scale in any::<f64>(),
        flag in any::<bool>(),
    ) {
        let scale = if scale.is_finite() { scale } else { 0.5 };
        let written = serde_json::json!({"prompt": prompt, "seed": seed, "s_scale": scale, "base64": flag});
        let read = parse(&written.to_string()).unwrap().generation;
        prop_assert_eq!(read.prompt, Scalar::from(prompt));
        prop_assert_eq!(read.seed, Scalar::Integer(seed));
        prop_assert_eq!(read.base64, Scalar::Bool(flag));
        prop_assert_eq!(read.s_scale, Scalar::Float(scale));
    }
}
