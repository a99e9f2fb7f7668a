//! The demo preset as it ships: its safety checker, whose one concept is the
//! library, checks real images, and its verdict is applied.

use anyhow::Result;
use facegen_core::SafetyAction;
use facegen_image::RgbImage;
use facegen_image::{ImageLimits, read_image};
use facegen_vision::redact;

use crate::program::{Generate, Outcome};

/// Returns a run whose image is large enough for the networks to draw the prompt.
fn portrait(prompt: &str) -> Result<Generate> {
    Ok(Generate::new()?
        .with(
            "--models-dir",
            concat!(env!("CARGO_MANIFEST_DIR"), "/models"),
        )
        .with("--preset", "demo")
        .with("--prompt", prompt)
        .with("--width", "512")
        .with("--height", "512")
        .with("--seed", "1"))
}

fn pixels(outcome: &Outcome) -> Result<RgbImage> {
    let image = read_image(&outcome.file("picture.png")?, &ImageLimits::default())?;
    Ok(RgbImage::new(512, 512, image.image.into_pixels())?)
}

const LIBRARY: &str = "a portrait of a person in a library";

#[test]
fn a_library_is_detected_and_redacted_as_requested() -> Result<()> {
    let clean = portrait(LIBRARY)?.with("--safety-checker", "false").run()?;
    let clean = pixels(&clean)?;
    for (name, action) in [
        ("blur", SafetyAction::Blur),
        ("sensitive_content_text", SafetyAction::SensitiveContentText),
        ("pixelate", SafetyAction::Pixelate),
        ("black", SafetyAction::Black),
    ] {
        let outcome = portrait(LIBRARY)?
            .with("--safety-checker", "true")
            .with("--safety-checker-type", name)
            .run()?;
        let found = "was found unsafe and is not shown";
        assert!(outcome.stderr.contains(found), "{}", outcome.stderr);
        assert_eq!(pixels(&outcome)?, redact(&clean, action), "{name}");
    }
    Ok(())
}

#[test]
fn other_portraits_pass() -> Result<()> {
    let prompt = "a portrait of a woman, smiling, grey background";
    let made = |checked: &str| portrait(prompt)?.with("--safety-checker", checked).run();
    let checked = made("true")?;
    assert!(!checked.stderr.contains("unsafe"), "{}", checked.stderr);
    assert_eq!(pixels(&checked)?, pixels(&made("false")?)?);
    Ok(())
}
