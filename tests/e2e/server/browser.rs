//! The pages, in a browser.

use std::env;

use anyhow::{Context, Result};
use serde_json::json;

use super::process::{API_KEY, Site};
use crate::program::photograph;
use crate::python::{printed, python};

/// Where to put screenshots, for whoever wants to look at them.
const SCREENSHOTS: &str = "FACEGEN_SCREENSHOTS";

#[test]
fn the_pages_do_what_they_should() -> Result<()> {
    let server = Site::new()?.start()?;
    let given = json!({
        "address": server.client.address(),
        "key": API_KEY,
        "photograph": photograph("astronaut.png"),
        "chromium": chromium()?,
        "screenshots": env::var(SCREENSHOTS).ok(),
    });
    printed(python()?.arg("tests/python/browser.py"), &given.to_string())?;
    Ok(())
}

/// Chromium, by the names that systems have for it.
fn chromium() -> Result<String> {
    let path = env::var_os("PATH").context("there is no PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut programs = env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .filter(|program| program.is_file());
    let program = programs
        .next()
        .context("chromium is not there, which the test of the pages needs")?;
    Ok(program.display().to_string())
}
