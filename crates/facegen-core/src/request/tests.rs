//! Tests of the parser, field by field.

mod arbitrary;
mod webhook;

use super::*;
use crate::SafetyAction;

fn raw(fields: &[(&str, Scalar)]) -> RawGenerationRequest {
    let mut raw = RawGenerationRequest {
        prompt: "a person".into(),
        ..Default::default()
    };
    for (name, value) in fields {
        *raw.field_mut(name).unwrap() = value.clone();
    }
    raw
}

fn parsed(fields: &[(&str, Scalar)]) -> GenerationRequest {
    raw(fields)
        .parse(&RequestLimits::default())
        .unwrap()
        .resolve_seed(|| 77)
}

fn refusal(fields: &[(&str, Scalar)]) -> String {
    raw(fields)
        .parse(&RequestLimits::default())
        .unwrap_err()
        .to_string()
}

fn text(value: &str) -> Scalar {
    value.into()
}

#[test]
fn a_prompt_alone_is_a_request_with_the_documented_defaults() {
    let request = parsed(&[]);
    assert_eq!(request.spec.prompt(), "a person");
    assert_eq!(request.spec.negative_prompt(), "");
    assert_eq!((request.spec.width(), request.spec.height()), (512, 512));
    assert_eq!((request.spec.steps(), request.spec.samples()), (21, 1));
    assert_eq!(
        (request.spec.guidance_scale(), request.spec.s_scale()),
        (7.5, 1.0)
    );
    assert_eq!(request.spec.seed(), 77);
    assert_eq!(
        request.spec.safety().checker_type.as_str(),
        "sensitive_content_text"
    );
    assert!(request.spec.safety().enabled);
    assert_eq!(request.spec.style(), Style::Realistic);
    assert!(!request.delivery.base64);
    assert_eq!(
        (
            request.delivery.webhook.as_ref(),
            request.delivery.track_id.as_ref()
        ),
        (None, None)
    );
    assert!(request.warnings().is_empty());
}

#[test]
fn numbers_and_booleans_may_come_as_text() {
    let request = parsed(&[
        ("width", text("512")),
        ("height", text(" 768.0 ")),
        ("num_inference_steps", text("31")),
        ("guidance_scale", text("7")),
        ("s_scale", text("1.5")),
        ("seed", text("0")),
        ("samples", text("2")),
        ("safety_checker", text("no")),
        ("safety_checker_type", text("Pixelate")),
        ("style", text("3d")),
        ("base64", text("TRUE")),
    ]);
    assert_eq!((request.spec.width(), request.spec.height()), (512, 768));
    assert_eq!((request.spec.steps(), request.spec.samples()), (31, 2));
    assert_eq!(
        (request.spec.guidance_scale(), request.spec.s_scale()),
        (7.0, 1.5)
    );
    assert_eq!(request.spec.seed(), 0);
    assert!(!request.spec.safety().enabled);
    assert_eq!(request.spec.safety().checker_type, SafetyAction::Pixelate);
    assert_eq!(request.spec.style().as_str(), "3d");
    assert!(request.delivery.base64);
}

#[test]
fn null_empty_and_the_word_null_are_absent() {
    for nothing in [Scalar::Null, text(""), text("  "), text("null")] {
        for field in ["seed", "width", "s_scale", "base64", "style", "webhook"] {
            assert_eq!(parsed(&[(field, nothing.clone())]), parsed(&[]), "{field}");
        }
        assert_eq!(
            parsed(&[("track_id", nothing.clone())]).delivery.track_id,
            None
        );
        assert_eq!(refusal(&[("prompt", nothing)]), "prompt is required");
    }
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let error = raw(&[
        ("prompt", Scalar::Null),
        ("width", Scalar::Integer(9999)),
        ("samples", text("3")),
    ])
    .parse(&RequestLimits::default())
    .unwrap_err();
    let fields: Vec<&str> = error.errors.iter().map(|error| error.field).collect();
    assert_eq!(fields, ["prompt", "width", "samples"]);
    assert_eq!(
        error.to_string(),
        "prompt is required; width must be between 64 and 768; samples must be between 1 and 2"
    );
}

/// A field, an invalid value, and the error message.
const REFUSALS: &[(&str, &str, &str)] = &[
    ("width", "63", "width must be between 64 and 768"),
    ("height", "769", "height must be between 64 and 768"),
    ("width", "512.5", "width must be a whole number"),
    ("height", "tall", "height must be a number"),
    (
        "num_inference_steps",
        "0",
        "num_inference_steps must be between 1 and 150",
    ),
    (
        "num_inference_steps",
        "151",
        "num_inference_steps must be between 1 and 150",
    ),
    (
        "guidance_scale",
        "-0.1",
        "guidance_scale must be between 0 and 20",
    ),
    (
        "guidance_scale",
        "20.01",
        "guidance_scale must be between 0 and 20",
    ),
    ("guidance_scale", "nan", "guidance_scale must be a number"),
    ("s_scale", "NaN", "s_scale must be a number"),
    ("s_scale", "inf", "s_scale must be a number"),
    ("seed", "-1", "seed must be between 0 and 4294967295"),
    (
        "seed",
        "4294967296",
        "seed must be between 0 and 4294967295",
    ),
    (
        "seed",
        "99999999999999999999",
        "seed must be between 0 and 4294967295",
    ),
    ("samples", "0", "samples must be between 1 and 2"),
    (
        "safety_checker",
        "maybe",
        "safety_checker must be true or false",
    ),
    (
        "safety_checker_type",
        "none",
        "safety_checker_type must be one of blur, sensitive_content_text, pixelate, black",
    ),
    (
        "style",
        "oil",
        "style must be one of realistic, comic, chibi, 3d, anime",
    ),
];

#[test]
fn values_out_of_range_are_refused_in_the_documented_words() {
    for (field, value, message) in REFUSALS {
        assert_eq!(refusal(&[(field, text(value))]), *message);
    }
    assert_eq!(
        refusal(&[("width", Scalar::Bool(true))]),
        "width must be a number"
    );
    assert_eq!(
        refusal(&[("prompt", Scalar::Integer(3))]),
        "prompt must be a string"
    );
}

#[test]
fn the_largest_seed_is_a_seed_and_samples_wrap_around() {
    let request = parsed(&[("seed", Scalar::Integer(4_294_967_295))]);
    assert_eq!(request.spec.seed(), u32::MAX);
    assert_eq!(
        (request.spec.sample_seed(0), request.spec.sample_seed(1)),
        (u32::MAX, 0)
    );
}

#[test]
fn a_size_is_floored_to_a_multiple_of_8_and_bounded_in_area() {
    let request = parsed(&[
        ("width", Scalar::Integer(519)),
        ("height", Scalar::Integer(767)),
    ]);
    assert_eq!((request.spec.width(), request.spec.height()), (512, 760));
    assert_eq!(
        request.warnings(),
        [
            "width 519 was lowered to 512, a multiple of 8",
            "height 767 was lowered to 760, a multiple of 8"
        ]
    );
    let limits = SizeLimits::default();
    for (width, height) in [(768, 512), (512, 768), (519, 768), (624, 624)] {
        assert!(
            ImageSize::new(width, height, &limits).is_ok(),
            "{width}x{height}"
        );
    }
    for (width, height) in [(768, 520), (632, 632), (768, 768)] {
        let error = ImageSize::new(width, height, &limits).unwrap_err();
        assert_eq!(
            error.message,
            "width times height must be at most 512 x 768 pixels"
        );
    }
}

#[test]
fn steps_snap_to_the_nearest_choice() {
    for (asked, used) in [
        (1, 21),
        (20, 21),
        (25, 21),
        (26, 31),
        (35, 31),
        (36, 41),
        (150, 41),
    ] {
        let request = parsed(&[("num_inference_steps", Scalar::Integer(asked))]);
        assert_eq!(request.spec.steps(), used, "{asked}");
        assert_eq!(request.warnings().len(), 1, "{asked}");
    }
    for asked in [21, 31, 41] {
        assert!(
            parsed(&[("num_inference_steps", i64::from(asked).into())])
                .warnings()
                .is_empty()
        );
    }
}

#[test]
fn another_preset_has_other_sizes_and_steps() {
    let limits = r#"{
        "size": {"max_side": 512, "max_area": 196608, "default_side": 256, "multiple_of": 64},
        "steps": [4, 8]
    }"#;
    let limits: RequestLimits = serde_json::from_str(limits).unwrap();
    let parse = |fields: &[(&str, Scalar)]| raw(fields).parse(&limits);
    let request = parse(&[]).unwrap().resolve_seed(|| 0);
    let used = (
        request.spec.width(),
        request.spec.height(),
        request.spec.steps(),
    );
    assert_eq!(used, (256, 256, 4));
    let request = parse(&[
        ("width", Scalar::Integer(511)),
        ("num_inference_steps", Scalar::Integer(20)),
    ]);
    let request = request.unwrap().resolve_seed(|| 0);
    assert_eq!((request.spec.width(), request.spec.steps()), (448, 8));
    assert_eq!(
        request.warnings(),
        [
            "width 511 was lowered to 448, a multiple of 64",
            "num_inference_steps 20 was changed to 8, the nearest of 4 and 8"
        ]
    );
    let tall = parse(&[
        ("height", Scalar::Integer(512)),
        ("width", Scalar::Integer(448)),
    ]);
    assert_eq!(
        tall.unwrap_err().to_string(),
        "width times height must be at most 384 x 512 pixels"
    );
    let stored = serde_json::to_string(&request).unwrap();
    let read: GenerationRequest = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, request);
}

#[test]
fn s_scale_is_clamped_with_a_warning() {
    for (asked, used) in [(7.5, 2.0), (2.0001, 2.0), (-3.0, 0.0)] {
        let request = parsed(&[("s_scale", Scalar::Float(asked))]);
        assert_eq!(request.spec.s_scale(), used);
        assert_eq!(
            request.warnings(),
            [format!(
                "s_scale {asked} was changed to {used}, it is used from 0 to 2"
            )]
        );
    }
    let zero = parsed(&[("s_scale", Scalar::Float(-0.0))]);
    assert_eq!(zero.spec.s_scale().to_bits(), 0, "one image, one key");
}

#[test]
fn prompts_are_trimmed_bounded_and_free_of_nul() {
    assert_eq!(
        parsed(&[("prompt", text("  a  b \n"))]).spec.prompt(),
        "a  b"
    );
    let longest = "ä".repeat(prompt::MAX_CHARACTERS);
    assert_eq!(parsed(&[("prompt", text(&longest))]).spec.prompt(), longest);
    assert_eq!(
        refusal(&[("negative_prompt", text(&format!("{longest}x")))]),
        "negative_prompt must have at most 10000 characters"
    );
    assert_eq!(
        refusal(&[("prompt", text("a\0b"))]),
        "prompt must not contain NUL characters"
    );
}

#[test]
fn unknown_fields_have_no_place() {
    let mut raw = RawGenerationRequest::default();
    for name in RawGenerationRequest::NAMES {
        assert!(raw.field_mut(name).is_some(), "{name}");
    }
    assert!(raw.field_mut("model_id").is_none());
}

#[test]
fn debug_shows_no_prompt_and_no_secret() {
    let fields = [
        ("prompt", text("prompt-of-alice")),
        ("negative_prompt", text("negative-of-alice")),
        ("webhook", text("https://user:pass@example.com/?token=abc")),
        ("track_id", text("track-of-alice")),
    ];
    let shown = format!("{:?} {:?}", raw(&fields), parsed(&fields));
    for hidden in ["alice", "pass", "abc"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[test]
fn a_stored_request_reads_back_and_a_tampered_one_does_not() {
    let request = parsed(&[
        ("negative_prompt", text("blurry")),
        ("seed", Scalar::Integer(5)),
        ("webhook", text("https://example.com/?x=1")),
        ("track_id", Scalar::Float(1.5)),
        ("style", text("3d")),
        ("s_scale", Scalar::Integer(9)),
    ]);
    let stored = serde_json::to_value(&request).unwrap();
    assert_eq!(
        serde_json::from_value::<GenerationRequest>(stored.clone()).unwrap(),
        request
    );
    for (field, value) in [
        ("prompt", serde_json::json!("")),
        ("size", serde_json::json!([0, 8])),
        ("steps", serde_json::json!(0)),
        ("guidance_scale", serde_json::json!(21.0)),
        ("samples", serde_json::json!(3)),
    ] {
        let mut tampered = stored.clone();
        tampered[field] = value;
        assert!(
            serde_json::from_value::<GenerationRequest>(tampered).is_err(),
            "{field}"
        );
    }
}
