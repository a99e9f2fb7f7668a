//! How unsafe images are redacted, and that the originals are not kept.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use facegen_core::SafetyAction;
use facegen_image::RgbImage;
use facegen_image::{ImageLimits, read_image};
use facegen_vision::redact;
use serde_json::{Value, json};

use super::client::{Client, keep_file_secret, request};
use super::process::Site;
use crate::program::{Generate, says_generated};

const ACTIONS: [(&str, SafetyAction); 4] = [
    ("blur", SafetyAction::Blur),
    ("sensitive_content_text", SafetyAction::SensitiveContentText),
    ("pixelate", SafetyAction::Pixelate),
    ("black", SafetyAction::Black),
];

/// Returns the image that the server would return if it were safe.
fn clean_image() -> Result<Vec<u8>> {
    let clean = Generate::new()?
        .with("--negative-prompt", "anime, cartoon")
        .image()?;
    keep_file_secret(&clean);
    Ok(clean)
}

fn pixels(png: &[u8]) -> Result<RgbImage> {
    let image = read_image(png, &ImageLimits::default())?.image;
    let (width, height) = (image.width() as usize, image.height() as usize);
    Ok(RgbImage::new(width, height, image.into_pixels())?)
}

/// Returns the usual request with the safety checker.
fn checked(fields: &[(&str, Value)]) -> Value {
    let mut request = request();
    request["safety_checker"] = json!(true);
    for (field, value) in fields {
        request[field] = value.clone();
    }
    request
}

fn success(client: &Client, request: &Value) -> Result<Value> {
    let (status, answer) = client.make(request)?;
    ensure!(status == 200 && answer["status"] == "success", "{answer}");
    Ok(answer)
}

#[test]
fn the_original_image_is_not_kept() -> Result<()> {
    let clean = clean_image()?;
    let site = Site::new()?.with("FACEGEN__TESTING__FORCE_HIT", "true");
    let server = site.start()?;
    for (name, action) in ACTIONS {
        let asked = checked(&[("safety_checker_type", json!(name))]);
        let answer = success(&server.client, &asked)?;
        assert_eq!(answer["meta"]["safety_checker"], "yes");
        assert_eq!(answer["meta"]["safety_checker_type"], name);
        let file = server.client.image(&answer)?;
        assert!(says_generated(&file), "{name}");
        let shown = pixels(&file)?;
        assert_eq!(shown, redact(&pixels(&clean)?, action), "{name}");
        assert_ne!(shown, pixels(&clean)?, "{name}");

        let id = answer["id"].as_u64().context("no id")?;
        let (_, fetched) = server.client.fetch(id)?;
        assert_eq!(fetched["output"], answer["output"]);
        assert_eq!(pixels(&server.client.image(&fetched)?)?, shown);
    }
    let asked = checked(&[
        ("base64", json!(true)),
        ("safety_checker_type", json!("blur")),
    ]);
    let text = server.client.image(&success(&server.client, &asked)?)?;
    let file = STANDARD.decode(text)?;
    assert!(says_generated(&file));
    let shown = pixels(&file)?;
    assert_eq!(shown, redact(&pixels(&clean)?, SafetyAction::Blur));
    assert_nowhere(&site, &clean)
}

/// Checks that no file of the server holds the image: not as PNG, base64 or
/// pixels. The redacted ones are found, so the search works.
fn assert_nowhere(site: &Site, clean: &[u8]) -> Result<()> {
    let image = pixels(clean)?;
    let text = STANDARD.encode(clean);
    // Of the compressed pixels, after the common metadata, and a row.
    let pieces: [&[u8]; 3] = [
        clean
            .get(clean.len() / 2..clean.len() / 2 + 64)
            .context("a short file")?,
        text.as_bytes()
            .get(text.len() / 2..text.len() / 2 + 64)
            .context("a short text")?,
        image.pixels().get(6144..6336).context("a small image")?,
    ];
    let files = site.files()?;
    let mut images = 0;
    for (path, bytes) in &files {
        images += usize::from(bytes.starts_with(b"\x89PNG"));
        for piece in pieces {
            let found = bytes.windows(piece.len()).any(|window| window == piece);
            assert!(!found, "{} holds the image", path.display());
        }
    }
    // The base64 text has its PNG next to it.
    assert_eq!(images, ACTIONS.len() + 1, "all were checked");
    Ok(())
}

#[test]
fn a_request_without_the_checker_gets_its_image() -> Result<()> {
    let site = Site::new()?.with("FACEGEN__TESTING__FORCE_HIT", "true");
    let server = site.start()?;
    let answer = success(&server.client, &request())?;
    assert_eq!(answer["meta"]["safety_checker"], "no");
    assert_eq!(server.client.image(&answer)?, clean_image()?);
    Ok(())
}

#[test]
fn a_preset_without_the_mandatory_checker_does_not_start() -> Result<()> {
    let site = Site::new()?.with("FACEGEN__SAFETY__MANDATORY", "true");
    let server = site.launch()?;
    server.wait_for("it has no safety checker, and safety.mandatory asks for one")?;
    assert!(!server.end()?.success());
    Ok(())
}
