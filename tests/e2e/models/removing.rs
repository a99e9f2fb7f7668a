//! Listing what is here of a preset, and deleting it.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::program::Models;
use super::{REPO, embedder};

/// Returns the object of `facegen models list --json` for the preset.
fn listed(models: &Models) -> Result<Value> {
    let list = models.run(&["list", "--json"])?;
    list.assert_success();
    let rows = list.stdout.lines().map(serde_json::from_str);
    let rows = rows.collect::<Result<Vec<Value>, _>>()?;
    let mut rows = rows.into_iter();
    let row = rows.find(|row| row["name"] == "pulled");
    row.context("the preset is not listed")
}

#[test]
fn a_removed_preset_can_be_pulled_again() -> Result<()> {
    let (_hub, models, hash) = embedder("")?;
    let before = listed(&models)?;
    assert_eq!(before["bytes_to_fetch"], Value::Null, "no size is known");
    assert_eq!(
        (&before["files"], &before["files_here"]),
        (&json!(1), &json!(0))
    );

    let pulled = models.run(&["pull", "pulled"])?;
    pulled.assert_success();
    let next = pulled.stdout.lines().last().unwrap_or_default();
    assert!(
        next.starts_with("next: facegen serve --preset pulled --data-dir "),
        "{pulled:?}"
    );
    let row = listed(&models)?;
    assert_eq!(
        (&row["files_here"], &row["bytes_to_fetch"]),
        (&json!(1), &json!(0))
    );

    let blob = models.blob(REPO, &hash);
    let size = fs::metadata(&blob)?.len();
    assert!(size > 0);
    let removed = models.run(&["rm", "pulled"])?;
    removed.assert_success();
    assert!(
        removed
            .stdout
            .contains("deleted lab/faces/onnx/embedder.onnx, "),
        "{removed:?}"
    );
    assert!(
        removed.stdout.contains("pulled: 1 files deleted, "),
        "{removed:?}"
    );
    assert!(!blob.exists());
    assert_eq!(listed(&models)?["files_here"], json!(0));
    let again = models.run(&["rm", "pulled"])?;
    again.assert_success();
    assert!(
        again.stdout.contains("pulled: 0 files deleted"),
        "{again:?}"
    );
    models.run(&["pull", "pulled"])?.assert_success();
    assert!(blob.exists());
    Ok(())
}

#[test]
fn a_preset_that_does_not_exist_is_not_removed() -> Result<()> {
    let (_hub, models, _) = embedder("")?;
    models
        .run(&["rm", "pushed"])?
        .assert_refused(&["there is no preset pushed", "pulled"]);
    Ok(())
}
