//! Clients that existed before the server: the official SDK, and the samples of
//! the documentation.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::client::{PROMPT, keep_secret, photo_uri};
use super::process::{API_KEY, Server, Site};
use crate::python::{printed, python};

/// The host to which the samples of the documentation send their requests.
const HOSTED: &str = "https://modelslab.com";

/// The photo in the samples.
const HOSTED_FACE: &str = "https://media.allure.com/photos/647f876463cd1ef47aab9c88/3:2/w_2465,h_1643,c_limit/angelina%20jolie%20blonde%20hair%20chloe.jpg";

#[test]
fn the_official_sdk_works_with_every_method() -> Result<()> {
    let server = Site::new()?.start()?;
    let given = json!({
        "address": server.client.address(),
        "key": API_KEY,
        "prompt": PROMPT,
        "face": photo_uri(),
    });
    let mut sdk = python()?;
    let links = printed(sdk.arg("tests/python/drive_sdk.py"), &given.to_string())?;
    links.lines().for_each(keep_secret);
    // Four requests for images and two uploads, synchronous and asynchronous.
    assert_eq!(links.lines().count(), 12, "{links}");
    Ok(())
}

#[test]
fn the_javascript_of_the_documentation_makes_an_image() -> Result<()> {
    let sample = include_str!("samples/make_gen.js");
    makes_an_image(&mut Command::new("node"), sample, "make_gen.js")
}

#[test]
fn the_python_of_the_documentation_makes_an_image() -> Result<()> {
    let sample = include_str!("samples/make_gen.py");
    makes_an_image(&mut python()?, sample, "make_gen.py")
}

/// Runs a sample, which prints the answer, and checks its image.
fn makes_an_image(program: &mut Command, sample: &str, name: &str) -> Result<()> {
    let server = Site::new()?.start()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join(name);
    fs::write(&path, pointed_at(&server, sample)?)?;
    has_an_image(&server, &printed(program.arg(path), "")?)
}

#[test]
fn the_javascript_of_the_documentation_works_in_a_page_of_a_listed_origin() -> Result<()> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = free.local_addr()?.port();
    drop(free);
    let origins = format!("[\"http://127.0.0.1:{port}\"]");
    let site = Site::new()?.with("FACEGEN__SERVER__ALLOW_ORIGINS", &origins);
    let server = site.start()?;
    let script = pointed_at(&server, include_str!("samples/make_gen.js"))?;
    let given = json!({"port": port, "script": script});
    let mut browser = python()?;
    let answer = printed(
        browser.arg("tests/python/other_origin.py"),
        &given.to_string(),
    )?;
    has_an_image(&server, &answer)
}

/// Checks that a client was answered with an image.
fn has_an_image(server: &Server, answer: &str) -> Result<()> {
    let answer: Value = serde_json::from_str(answer).with_context(|| answer.to_owned())?;
    let id = answer["id"].as_u64().context(answer.to_string())?;
    // A slow machine answers before the image is made.
    let result = server.client.result(id)?;
    ensure!(result["status"] == "success", "{result}");
    let image = server.client.image(&result)?;
    ensure!(image.starts_with(b"\x89PNG"), "not a PNG");
    Ok(())
}

/// Returns the sample with only the address, the key and the photo replaced.
fn pointed_at(server: &Server, sample: &str) -> Result<String> {
    let mut text = sample.to_owned();
    for (hosted, own) in [
        (HOSTED, server.client.address()),
        (r#""key": """#, &format!(r#""key": "{API_KEY}""#)),
        (HOSTED_FACE, &photo_uri()),
    ] {
        ensure!(text.matches(hosted).count() == 1, "{hosted} is not there");
        text = text.replace(hosted, own);
    }
    Ok(text)
}
