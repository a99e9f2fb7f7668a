//! Deleting what is here of a preset.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use super::listing::listed;
use super::{REPO, embedder};

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
