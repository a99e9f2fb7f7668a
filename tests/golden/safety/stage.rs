use std::path::Path;

use candle_core::Tensor;
use facegen_core::Preset;
use facegen_core::SafetyAction;
use facegen_core::request::Scalar;
use facegen_core::{
    Backend, BackendError, GenerationInput, GenerationOutput, RawGenerationRequest, RequestLimits,
    SafetyVerdict, SlotEvent,
};
use facegen_engine::{CandleBackend, EngineError, LoadOptions, SafetyPolicy};
use facegen_image::RgbImage;
use facegen_vision::redact;
use tempfile::TempDir;

use super::{checkpoint, photo, write};
use crate::not_finite::end_of;
use crate::support::{Golden, data, root};

const ENFORCED: SafetyPolicy = SafetyPolicy {
    mandatory: true,
    force_hit: false,
};

/// The preset of random weights, and its twin that has the golden's safety
/// checker with all thresholds of concepts set to one number.
struct Presets {
    directory: TempDir,
}

impl Presets {
    fn new(threshold: f64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let models = root().join("tests/assets/presets");
        for name in ["demo", "random"] {
            std::os::unix::fs::symlink(models.join(name), directory.path().join(name)).unwrap();
        }
        let random = std::fs::read_to_string(models.join("random.toml")).unwrap();
        std::fs::write(directory.path().join("random.toml"), &random).unwrap();
        write(directory.path(), with_threshold(threshold));
        let config = data("safety.config.json");
        let checker = format!(
            "\n[components.safety_checker]\nsource = {{ path = \"safety_checker.safetensors\" }}\n\
             config = {config:?}\nlicence = \"Apache-2.0\"\n"
        );
        let checked = random.replace("name = \"random\"", "name = \"checked\"") + &checker;
        std::fs::write(directory.path().join("checked.toml"), checked).unwrap();
        Self { directory }
    }

    fn load(&self, name: &str, safety: SafetyPolicy) -> Result<CandleBackend, EngineError> {
        let options = LoadOptions {
            data_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("safety"),
            safety,
            ..LoadOptions::default()
        };
        CandleBackend::load(&Preset::find(self.directory.path(), name)?, &options)
    }

    /// Generates the images of a request with the preset `name`.
    fn make(&self, name: &str, policy: SafetyPolicy, fields: &[(&str, &str)]) -> GenerationOutput {
        let mut backend = self.load(name, policy).unwrap();
        backend.admit(&input(fields)).unwrap();
        let mut finished = None;
        while backend.active() > 0 {
            for event in backend.tick() {
                match event {
                    SlotEvent::Progress { .. } => {}
                    SlotEvent::Finished { output, .. } => finished = Some(output),
                    SlotEvent::Failed { error, .. } => panic!("{error}"),
                }
            }
        }
        finished.unwrap()
    }
}

fn with_threshold(threshold: f64) -> Vec<(String, Tensor)> {
    let mut tensors = checkpoint(&Golden::load("safety"));
    for (name, tensor) in &mut tensors {
        if name == "concept_embeds_weights" {
            *tensor = (tensor.zeros_like().unwrap() + threshold).unwrap();
        }
    }
    tensors
}

/// Returns the verdicts of the safety checker.
fn verdicts(output: &GenerationOutput) -> Vec<&SafetyVerdict> {
    let images = output.images.iter();
    images.filter_map(|image| image.safety.as_ref()).collect()
}

fn pixels(output: &GenerationOutput) -> Vec<&RgbImage> {
    let images = output.images.iter();
    images.map(|image| &image.pixels).collect()
}

fn input(fields: &[(&str, &str)]) -> GenerationInput {
    let mut raw = RawGenerationRequest::default();
    let usual = [
        ("prompt", "a portrait"),
        ("width", "64"),
        ("height", "64"),
        ("seed", "1"),
    ];
    for (name, value) in usual.iter().chain(fields) {
        *raw.field_mut(name).unwrap() = Scalar::Text((*value).to_owned());
    }
    GenerationInput {
        spec: raw
            .parse(&RequestLimits::default())
            .unwrap()
            .resolve_seed(|| 0)
            .spec,
        face: photo(),
    }
}

fn redacted(image: &RgbImage, action: SafetyAction) -> Vec<u8> {
    redact(image, action).into_pixels()
}

/// A threshold out of reach: cosines are between -1 and 1.
const NEVER: f64 = 2.0;
const ALWAYS: f64 = -2.0;

#[test]
fn an_unsafe_image_is_replaced_as_the_request_asks() {
    let presets = Presets::new(ALWAYS);
    let clean = presets.make("random", SafetyPolicy::default(), &[("samples", "2")]);
    for (name, action) in [
        ("blur", SafetyAction::Blur),
        ("sensitive_content_text", SafetyAction::SensitiveContentText),
        ("pixelate", SafetyAction::Pixelate),
        ("black", SafetyAction::Black),
    ] {
        let fields = [("safety_checker_type", name), ("samples", "2")];
        let output = presets.make("checked", SafetyPolicy::default(), &fields);
        assert_eq!(output.images.len(), 2);
        for (shown, clean) in output.images.iter().zip(&clean.images) {
            assert!(shown != clean, "{name} shows the image");
            let expected = redacted(&clean.pixels, action);
            assert_eq!(shown.pixels.pixels(), expected, "{name}");
        }
        assert!(verdicts(&output).iter().all(|verdict| verdict.flagged));
        assert_eq!(verdicts(&output).len(), 2);
        assert_eq!(
            output.warnings,
            [
                "image 1 was found unsafe and is not shown",
                "image 2 was found unsafe and is not shown"
            ]
        );
    }
}

#[test]
fn a_safe_image_passes_as_it_is_with_its_scores() {
    let presets = Presets::new(NEVER);
    let clean = presets.make("random", SafetyPolicy::default(), &[]);
    assert!(verdicts(&clean).is_empty());
    let unchecked = "this preset has no safety checker; the images were not checked";
    assert_eq!(clean.warnings, [unchecked]);
    assert_eq!(clean.timings.safety_checking.as_millis(), 0);

    let output = presets.make("checked", SafetyPolicy::default(), &[]);
    assert_eq!(pixels(&output), pixels(&clean));
    assert!(output.warnings.is_empty(), "{:?}", output.warnings);
    let [verdict] = verdicts(&output)[..] else {
        panic!("{:?}", verdicts(&output));
    };
    assert!(!verdict.flagged);
    assert_eq!(
        (verdict.concepts.len(), verdict.special_care.len()),
        (17, 3)
    );
    assert!(
        verdict
            .concepts
            .iter()
            .all(|score| (-3.0..-0.9).contains(score))
    );
    assert!(!output.timings.safety_checking.is_zero());
}

#[test]
fn a_request_may_disable_the_checker_unless_it_is_mandatory() {
    let presets = Presets::new(ALWAYS);
    let without = [
        ("safety_checker", "false"),
        ("safety_checker_type", "black"),
    ];
    let output = presets.make("checked", SafetyPolicy::default(), &without);
    assert!(verdicts(&output).is_empty() && output.warnings.is_empty());
    assert!(
        output.images[0]
            .pixels
            .pixels()
            .iter()
            .any(|byte| *byte > 0)
    );

    let output = presets.make("checked", ENFORCED, &without);
    assert!(verdicts(&output)[0].flagged);
    assert!(
        output.images[0]
            .pixels
            .pixels()
            .iter()
            .all(|byte| *byte == 0)
    );
    let checked = "safety_checker is mandatory on this server; the images were checked";
    assert_eq!(output.warnings[0], checked);
}

#[test]
fn an_image_that_cannot_be_checked_is_not_shown() {
    let mut backend = Presets::new(f64::NAN)
        .load("checked", SafetyPolicy::default())
        .unwrap();
    backend.admit(&input(&[])).unwrap();
    let end = end_of(&mut backend);
    let SlotEvent::Failed { error, .. } = end else {
        panic!("{end:?}");
    };
    assert_eq!(error, BackendError::NotFinite);
}

#[test]
fn a_mandatory_checker_must_be_present() {
    let presets = Presets::new(NEVER);
    let error = presets.load("random", ENFORCED).unwrap_err().to_string();
    let reason = "random.toml: it has no safety checker, and safety.mandatory asks for one";
    assert!(error.ends_with(reason), "{error}");
    presets.load("checked", ENFORCED).unwrap();
}

#[test]
fn a_forced_hit_needs_no_checker() {
    let policy = SafetyPolicy {
        force_hit: true,
        ..SafetyPolicy::default()
    };
    let presets = Presets::new(NEVER);
    let black = ("safety_checker_type", "black");
    for name in ["random", "checked"] {
        let output = presets.make(name, policy, &[black]);
        assert!(verdicts(&output)[0].flagged, "{name}");
        assert!(
            output.images[0]
                .pixels
                .pixels()
                .iter()
                .all(|byte| *byte == 0),
            "{name}"
        );
    }
    let output = presets.make("random", policy, &[black, ("safety_checker", "false")]);
    assert!(verdicts(&output).is_empty());
}
