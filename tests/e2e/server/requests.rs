//! Images, keys, links and refusals.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::client::{request, request_with};
use super::process::{Server, Site};
use crate::program::{Generate, executable};

#[test]
fn the_image_equals_that_of_the_command_line() -> Result<()> {
    let server = Site::new()?.start()?;
    let (status, answer) = server.client.make(&request())?;
    assert_eq!(
        (status, &answer["status"]),
        (200, &json!("success")),
        "{answer}"
    );
    let image = Generate::new()?
        .with("--negative-prompt", "anime, cartoon")
        .image()?;
    assert_eq!(server.client.image(&answer)?, image);
    Ok(())
}

#[test]
fn the_first_key_is_printed_once() -> Result<()> {
    let site = Site::new()?.with("FACEGEN_API_KEY", "");
    // It is not the key of an admin.
    assert!(
        site.command(&["keys", "create", "app"])?
            .status()?
            .success()
    );
    let first = site.start()?;
    let refused = first.client.make(&request())?;
    assert_eq!(refused.0, 401);
    let printed = first.printed()?;
    let key = printed
        .split_whitespace()
        .find(|word| word.starts_with("fg_"));
    let key = key.unwrap_or_else(|| panic!("no key in {printed:?}"));

    let second = site.start()?;
    let (status, answer) = second.client.make(&request_with("key", json!(key)))?;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(second.printed()?, "");
    Ok(())
}

#[test]
fn a_start_that_fails_makes_no_key() -> Result<()> {
    let site = Site::new()?.with("FACEGEN_API_KEY", "");
    let keys = || -> Result<String> {
        let output = site.command(&["keys", "list"])?.output()?;
        ensure!(output.status.success(), "the keys cannot be listed");
        Ok(String::from_utf8(output.stdout)?)
    };
    // Its files were never fetched.
    let words = [
        "serve",
        "--preset",
        "sd15-plus-face",
        "--listen",
        "127.0.0.1:0",
    ];
    let failed = site.command(&words)?.output()?;
    assert_eq!(failed.status.code(), Some(5));
    assert_eq!(String::from_utf8(failed.stdout)?, "");
    assert_eq!(keys()?, "");
    let printed = site.start()?.printed()?;
    assert!(printed.starts_with("API key: fg_"), "{printed}");
    assert!(keys()?.contains("\tadmin\tfirst\t"));
    // One that was created counts as well.
    let other = Site::new()?.with("FACEGEN_API_KEY", "");
    let made = other
        .command(&["keys", "create", "ops", "--admin"])?
        .output()?;
    assert!(String::from_utf8(made.stdout)?.contains("\tadmin\tops\t"));
    assert_eq!(other.start()?.printed()?, "");
    Ok(())
}

#[test]
fn a_key_sees_nothing_of_another() -> Result<()> {
    let site = Site::new()?;
    let server = site.start()?;
    let made = site.command(&["keys", "create", "other"])?.output()?;
    let made = String::from_utf8(made.stdout)?;
    let other = made.lines().last().unwrap_or_default();

    let (_, mine) = server.client.make(&request())?;
    let path = format!("/api/v1/enterprise/face_gen/fetch/{}", mine["id"]);
    let (status, answer) = server.client.post(&path, &json!({ "key": other }))?;
    assert_eq!(status, 404, "{answer}");
    let unknown = "/api/v1/enterprise/face_gen/fetch/2147483647";
    let not_there = server.client.post(unknown, &json!({ "key": other }))?;
    assert_eq!((status, answer), not_there, "the answers differ");

    assert!(site.command(&["keys", "revoke", "2"])?.status()?.success());
    let (status, _) = server.client.make(&request_with("key", json!(other)))?;
    assert_eq!(status, 401);
    Ok(())
}

#[test]
fn a_key_can_be_limited_while_the_server_runs() -> Result<()> {
    let site = Site::new()?;
    let server = site.start()?;
    let keys = |words: &str| -> Result<String> {
        let words: Vec<&str> = std::iter::once("keys").chain(words.split(' ')).collect();
        let output = site.command(&words)?.output()?;
        ensure!(output.status.success(), "{output:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let created = keys("create --queue-share 5 guest")?;
    let key = created.lines().nth(1).context("no key")?;
    keys("set 2 --requests-per-minute 1")?;
    let list = keys("list")?;
    let line = "2\tplain\tguest\tvalid\t1 requests a minute\t5 waiting";
    ensure!(list.lines().any(|own| own == line), "{list}");

    let asked = request_with("key", json!(key));
    assert_eq!(server.client.make(&asked)?.0, 200);
    let (status, refused) = server.client.make(&asked)?;
    assert_eq!(status, 429, "{refused}");
    let message = "Rate limit exceeded. Maximum 1 requests per minute allowed.";
    assert_eq!(refused["message"], message);
    keys("set 2 --requests-per-minute default")?;
    assert_eq!(server.client.make(&asked)?.0, 200);
    Ok(())
}

#[test]
fn bad_requests_are_refused_and_the_server_still_works() -> Result<()> {
    let server = Site::new()?.start()?;
    let nonsense = "bm90IGEgcGljdHVyZQ==";
    for (field, value, status, message) in [
        ("key", json!("wrong"), 401, "Invalid API key"),
        ("prompt", json!(null), 400, "prompt is required"),
        ("face_image", json!(null), 400, "face_image is required"),
        (
            "face_image",
            json!("data:image/png;base64,%%%"),
            400,
            "face_image",
        ),
        (
            "face_image",
            json!(nonsense),
            400,
            "is not a JPEG, PNG, WebP or GIF image",
        ),
        (
            "face_image",
            json!("http://127.0.0.1:1/face.jpg"),
            400,
            "outbound.allow_networks",
        ),
        (
            "width",
            json!(9999),
            400,
            "width must be between 64 and 768",
        ),
        (
            "seed",
            json!(-1),
            400,
            "seed must be between 0 and 4294967295",
        ),
        (
            "samples",
            json!("50"),
            400,
            "samples must be between 1 and 2",
        ),
        ("style", json!("cubist"), 400, "style"),
        (
            "webhook",
            json!("https://hooks.example/\nforged"),
            400,
            "webhook",
        ),
    ] {
        let (answered, body) = server.client.make(&request_with(field, value))?;
        assert_eq!(answered, status, "{field}: {body}");
        let text = body["message"].as_str().unwrap_or_default();
        assert!(text.contains(message), "{field}: {body}");
    }
    assert_eq!(server.client.make(&request())?.1["status"], "success");
    Ok(())
}

#[test]
fn wrong_paths_and_methods_are_named_and_the_server_still_works() -> Result<()> {
    let server = Site::new()?.start()?;
    let endpoint = "/api/v1/enterprise/face_gen/make_gen";
    let (status, _) = server.client.post_text(endpoint, &"x".repeat(20_000_000))?;
    assert_eq!(status, 413);
    assert_eq!(server.client.get(endpoint)?.0, 405);
    assert_eq!(server.client.get("/no/such/path")?.0, 404);
    assert_eq!(server.client.make(&request())?.1["status"], "success");
    Ok(())
}

#[test]
fn a_photo_without_a_face_fails_the_job() -> Result<()> {
    use base64::Engine as _;
    let server = Site::new()?.start()?;
    let grey = facegen_core::RgbImage::new(128, 128, vec![128; 128 * 128 * 3])?;
    let png = facegen_image::encode_png(&grey)?;
    let face = base64::engine::general_purpose::STANDARD.encode(png);
    let (status, body) = server
        .client
        .make(&request_with("face_image", json!(face)))?;
    assert_eq!((status, &body["status"]), (200, &json!("failed")), "{body}");
    assert_eq!(body["message"], "No face detected in face_image");
    Ok(())
}

#[test]
fn health_readiness_and_metrics_are_reported() -> Result<()> {
    let server = Site::new()?.start()?;
    server.client.make(&request())?;
    assert_eq!(server.client.get("/healthz")?.0, 200);
    assert_eq!(server.client.get("/readyz")?.0, 200);
    let (status, metrics) = server.client.get("/metrics")?;
    assert_eq!(status, 200);
    let metrics = String::from_utf8(metrics)?;
    for name in ["facegen_stage_seconds", "# HELP facegen_queue_wait_seconds"] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    Ok(())
}

#[test]
fn an_image_directory_that_cannot_be_written_is_reported() -> Result<()> {
    let site = Site::new()?;
    let server = site.start()?;
    let images = site.directory().join("pictures");
    let elsewhere = site.directory().join("elsewhere");
    fs::rename(&images, &elsewhere)?;
    fs::write(&images, "in its place")?;
    let state = readiness(&server, 503)?;
    assert_eq!(state["status"], "broken", "{state}");
    let reason = state["reason"].as_str().context("no reason")?;
    assert!(reason.contains("directory of images"), "{reason}");
    fs::remove_file(&images)?;
    fs::rename(&elsewhere, &images)?;
    readiness(&server, 200)?;
    assert_eq!(server.client.make(&request())?.1["status"], "success");
    Ok(())
}

/// Waits until `/readyz` has this status, and returns its body.
pub(super) fn readiness(server: &Server, status: u16) -> Result<Value> {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        let (found, body) = server.client.get("/readyz")?;
        if found == status {
            return Ok(serde_json::from_slice(&body)?);
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("the readiness stays what it was")
}

#[test]
fn the_printed_description_equals_the_served_one() -> Result<()> {
    let server = Site::new()?.start()?;
    let (status, served) = server.client.get("/openapi.json")?;
    assert_eq!(status, 200);
    let printed = Command::new(executable()?).arg("openapi").output()?;
    let served: Value = serde_json::from_slice(&served)?;
    let printed: Value = serde_json::from_slice(&printed.stdout)?;
    assert_eq!(served, printed);
    Ok(())
}
