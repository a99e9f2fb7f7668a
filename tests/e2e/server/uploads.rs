//! Images that are sent to get a link.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use facegen_image::{ImageLimits, read_image};
use serde_json::{Value, json};

use super::client::{Client, keep_file_secret, photo_uri, request_with};
use super::process::{API_KEY, Site};
use crate::program::{photo, says_generated};

const ROUTE: &str = "/api/v6/base64_to_url";

/// Returns the answer of `route` to this image.
fn send(client: &Client, route: &str, image: &str) -> Result<(u16, Value)> {
    client.post(route, &json!({"key": API_KEY, "init_image": image}))
}

/// Reads width and height of a PNG.
fn size(png: &[u8]) -> Result<(usize, usize)> {
    ensure!(png.starts_with(b"\x89PNG"), "not a PNG");
    let image = read_image(png, &ImageLimits::default())?.image;
    ensure!(!says_generated(png), "a photo is called generated");
    Ok((image.width(), image.height()))
}

#[test]
fn a_photo_becomes_a_png_that_outlives_the_process() -> Result<()> {
    let site = Site::new()?;
    let server = site.start()?;
    let (status, answer) = send(&server.client, ROUTE, &photo_uri())?;
    let keys: Vec<_> = answer.as_object().context("no object")?.keys().collect();
    assert_eq!(keys, ["id", "output", "status"], "{answer}");
    assert_eq!((status, &answer["id"]), (200, &json!(1)), "{answer}");
    let png = server.client.image(&answer)?;
    keep_file_secret(&png);
    assert_eq!(size(&png)?, (512, 512));
    let link = answer["output"][0].as_str().context("no link")?;
    let path = link.trim_start_matches(server.client.address()).to_owned();
    ensure!(path.starts_with("/temp/"), "{path}");

    ensure!(server.terminate()?.success(), "it does not stop");
    let server = site.start()?;
    assert_eq!(server.client.get(&path)?, (200, png));
    let again = send(&server.client, ROUTE, &photo_uri())?;
    assert_eq!(again.1["id"], 2);
    Ok(())
}

#[test]
fn a_link_is_a_photo_even_when_the_png_is_larger_than_the_limit() -> Result<()> {
    let limit = "FACEGEN__FACE_IMAGE__MAX_MEGABYTES";
    let server = Site::new()?.with(limit, "1").start()?;
    let file = std::fs::read(photo("person_b_2.jpg"))?;
    keep_file_secret(&file);
    let (status, answer) = send(&server.client, ROUTE, &STANDARD.encode(file))?;
    assert_eq!(status, 200, "{answer}");
    let png = server.client.image(&answer)?;
    keep_file_secret(&png);
    assert_eq!(size(&png)?, (689, 900));
    assert!(png.len() > 1_000_000, "{}", png.len());

    let asked = request_with("face_image", answer["output"][0].clone());
    let (status, made) = server.client.make(&asked)?;
    assert_eq!(
        (status, &made["status"]),
        (200, &json!("success")),
        "{made}"
    );
    Ok(())
}

#[test]
fn invalid_images_get_no_link() -> Result<()> {
    let server = Site::new()?.start()?;
    let text = STANDARD.encode("not an image");
    for route in [ROUTE, "/api/v6/image_editing/base64_to_url"] {
        let (status, answer) = send(&server.client, route, &text)?;
        assert_eq!(status, 400, "{answer}");
        let message = "init_image is not a JPEG, PNG, WebP or GIF image";
        assert_eq!(answer["message"], message);
    }
    Ok(())
}
