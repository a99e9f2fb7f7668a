//! The pages, in a browser.

use anyhow::{Context, Result};
use serde_json::json;

use super::process::{API_KEY, Site};
use crate::program::photo;
use crate::python::{printed, python};

/// An image in which there is no face.
const FACELESS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/safety/black.png");

/// `FACEGEN_SCREENSHOTS` names a directory for screenshots.
#[test]
fn the_pages_do_what_they_should() -> Result<()> {
    let site = Site::new()?;
    let server = site.start()?;
    let made = site.command(&["keys", "create", "visitor"])?.output()?;
    let made = String::from_utf8(made.stdout)?;
    let given = json!({
        "address": server.client.address(),
        "key": API_KEY,
        "plain_key": made.lines().last().context("no key")?,
        "photograph": photo("astronaut.png"),
        "tall_photo": photo("person_a_2.jpg"),
        "faceless": FACELESS,
    });
    let mut person = python()?;
    printed(person.arg("tests/python/browser.py"), &given.to_string())?;
    Ok(())
}
