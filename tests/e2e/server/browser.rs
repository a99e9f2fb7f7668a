//! The pages, in a browser.

use anyhow::Result;
use serde_json::json;

use super::process::{API_KEY, Site};
use crate::program::photograph;
use crate::python::{printed, python};

/// `FACEGEN_SCREENSHOTS` names a folder for whoever wants to look at them.
#[test]
fn the_pages_do_what_they_should() -> Result<()> {
    let server = Site::new()?.start()?;
    let given = json!({
        "address": server.client.address(),
        "key": API_KEY,
        "photograph": photograph("astronaut.png"),
    });
    let mut person = python()?;
    printed(person.arg("tests/python/browser.py"), &given.to_string())?;
    Ok(())
}
