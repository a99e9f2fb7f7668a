//! `cargo xtask demo`: generates one image over HTTP, without any setup.

mod scale;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use self::server::Server;
use crate::workspace::Workspace;
use crate::{process, report};

const PHOTO: &str = "tests/assets/photographs/astronaut.png";
const PROMPT: &str = "pretty woman";
const NEGATIVE_PROMPT: &str = "anime, cartoon, drawing, big nose, long nose, fat, ugly, big lips, \
                               big mouth, face proportion mismatch, unrealistic, monochrome, \
                               lowres, bad anatomy, worst quality, low quality, blurry";
const SIDE: u32 = 512;

/// The interval between fetches of an unfinished image.
const POLL: Duration = Duration::from_secs(1);
/// The most fetches.
const POLLS: usize = 300;

/// The arguments of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The photo of the face, relative to the root of the workspace.
    #[arg(long, value_name = "FILE", default_value = PHOTO)]
    face: PathBuf,
    /// What the image shows.
    #[arg(long, default_value = PROMPT)]
    prompt: String,
    /// The seed of the noise that the image is made from.
    #[arg(long, default_value_t = 1234)]
    seed: u32,
    /// Make four images by two workers and an `api` node, on a PostgreSQL database and a
    /// bucket that are started for them.
    #[arg(long)]
    scale: bool,
}

/// Where images are requested.
const MAKE_GEN: &str = "/api/v1/enterprise/face_gen/make_gen";

/// Builds the server, has it generate the image, and ends with the line `picture: PATH`.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    report::heading("build");
    let mut build = process::cargo();
    build
        .args(["build", "--workspace", "--bins"])
        .current_dir(&workspace.root);
    process::run(&mut build)?;
    let request = request(workspace, arguments)?;
    if arguments.scale {
        return scale::run(workspace, &request);
    }

    let directory = workspace.target.join("demo");
    fs::create_dir_all(&directory)?;
    let image = directory.join("picture.png");
    if image.exists() {
        // A file of an earlier run must not be taken for this run's image.
        fs::remove_file(&image)?;
    }

    report::heading("start the server");
    let server = Server::start(workspace, &directory.join("data"))?;
    report::heading("ask for the image");
    let reply = server.post(MAKE_GEN, &request)?;
    let reply = result_of(&server, reply)?;
    report::line(serde_json::to_string_pretty(&reply)?);
    let link = reply["output"][0].as_str().context("there is no link")?;
    report::line(format_args!("$ curl --output picture.png {link}"));
    fs::write(&image, server.download(link)?)?;
    server.stop()?;

    check(&image)?;
    report::line(format_args!(
        "picture: {}",
        workspace.relative(&image).display()
    ));
    Ok(())
}

/// Returns the documentation's example with the photo in it; numbers are strings as there.
fn request(workspace: &Workspace, arguments: &Arguments) -> Result<Value> {
    let path = workspace.root.join(&arguments.face);
    let photo = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(json!({
        "key": server::API_KEY,
        "prompt": arguments.prompt,
        "negative_prompt": NEGATIVE_PROMPT,
        "face_image": format!("data:image/png;base64,{}", STANDARD.encode(photo)),
        "width": SIDE.to_string(),
        "height": SIDE.to_string(),
        "samples": "1",
        "num_inference_steps": "21",
        "safety_checker": false,
        "base64": false,
        "seed": arguments.seed,
        "guidance_scale": 7.5,
        "s_scale": 1.0,
        "safety_checker_type": "blur",
        "webhook": null,
        "track_id": null
    }))
}

/// Fetches the result while the server says `processing`.
fn result_of(server: &Server, mut reply: Value) -> Result<Value> {
    for _ in 0..POLLS {
        match reply["status"].as_str() {
            Some("success") => return Ok(reply),
            Some("processing") => {}
            _ => bail!("the server answered {reply}"),
        }
        sleep(POLL);
        let path = format!("/api/v1/enterprise/face_gen/fetch/{}", reply["id"]);
        reply = server.post(&path, &json!({ "key": server::API_KEY }))?;
    }
    bail!("the server did not finish the image")
}

/// Fails unless a file is an image of the requested size.
fn check(image: &Path) -> Result<()> {
    ensure!(
        png_size(image)? == (SIDE, SIDE),
        "the image is not {SIDE}×{SIDE}"
    );
    Ok(())
}

/// Returns width and height from the header of a PNG file.
fn png_size(path: &Path) -> Result<(u32, u32)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_png = bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.get(12..16) == Some(b"IHDR");
    ensure!(is_png, "{} is no PNG file", path.display());
    let number = |place: usize| {
        let bytes = bytes
            .get(place..place + 4)
            .context("the PNG file is cut short")?;
        Ok::<_, anyhow::Error>(u32::from_be_bytes(bytes.try_into()?))
    };
    Ok((number(16)?, number(20)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_read_from_the_header() {
        let photo = Workspace::locate().unwrap().root.join(PHOTO);
        assert_eq!(png_size(&photo).unwrap(), (512, 512));
    }

    #[test]
    fn other_files_are_refused() {
        let manifest = Workspace::locate().unwrap().root.join("Cargo.toml");
        assert!(
            png_size(&manifest)
                .unwrap_err()
                .to_string()
                .contains("is no PNG file")
        );
    }
}
