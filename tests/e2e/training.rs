//! The code that trained the demo preset's networks: a few steps of it. The
//! painter runs here; the parts that need torch run where it is installed.

use anyhow::{Result, ensure};

use crate::python::{printed, python};

#[test]
fn the_painter_and_its_captions_work() -> Result<()> {
    let said = printed(python()?.arg("models/demo/train/smoke.py"), "")?;
    ensure!(said.starts_with("painter"), "{said}");
    Ok(())
}
