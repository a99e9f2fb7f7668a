//! The weights that a first start packs for later ones.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::embedder;
use super::program::Models;

/// The networks of the demo preset: UNet, adapter, text encoder, image encoder, VAE and safety
/// checker.
const NETWORKS: usize = 6;

fn packs(models: &Models) -> Result<Vec<PathBuf>> {
    let directory = models.data_dir().join("models/packs/pulled");
    let mut packs = Vec::new();
    for entry in fs::read_dir(directory)? {
        packs.push(entry?.path());
    }
    packs.sort();
    Ok(packs)
}

#[test]
fn damaged_packs_are_found_by_verify_and_written_again() -> Result<()> {
    let (_hub, models, _) = embedder("")?;
    models.run(&["pull", "pulled"])?.assert_success();
    let first = models.generate(&[])?;
    first.assert_success();
    assert_eq!(
        first.stderr.matches("packed weights path=").count(),
        NETWORKS,
        "{first:?}"
    );
    let before = packs(&models)?;
    assert_eq!(before.len(), NETWORKS);
    models.run(&["verify"])?.assert_success();
    let second = models.generate(&[])?;
    second.assert_success();
    assert!(!second.stderr.contains("packing weights"), "{second:?}");

    let mut bytes = fs::read(&before[0])?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&before[0], bytes)?;
    let path = before[0].display().to_string();
    models.run(&["verify", "pulled"])?.assert_refused(&[
        &path,
        "is damaged",
        "deleted: the next start packs again",
    ]);
    models.run(&["verify"])?.assert_success();
    models.generate(&[])?.assert_success();
    assert_eq!(packs(&models)?, before);
    models.run(&["verify"])?.assert_success();
    Ok(())
}

#[test]
fn packs_are_kept_where_the_config_says_or_not_at_all() -> Result<()> {
    let (_hub, models, _) = embedder("")?;
    models.run(&["pull", "pulled"])?.assert_success();
    let elsewhere = tempfile::tempdir()?;
    for (directory, count) in [("none".into(), 0), (elsewhere.path().to_owned(), NETWORKS)] {
        let mut command = models.generate_command(&[])?;
        command.env("FACEGEN__MODELS__PACK_DIR", &directory);
        assert!(command.output()?.status.success());
        assert!(packs(&models).is_err(), "there is no default directory");
        let packs = fs::read_dir(directory.join("pulled")).into_iter().flatten();
        assert_eq!(packs.count(), count);
    }
    Ok(())
}

#[test]
fn the_packs_of_a_removed_preset_are_deleted() -> Result<()> {
    let (_hub, models, _) = embedder("")?;
    models.run(&["pull", "pulled"])?.assert_success();
    models.generate(&[])?.assert_success();
    assert_eq!(packs(&models)?.len(), NETWORKS);
    let removed = models.run(&["rm", "pulled"])?;
    removed.assert_success();
    assert!(removed.stdout.contains("7 files deleted"), "{removed:?}");
    assert_eq!(packs(&models)?.len(), 0);
    models.run(&["verify"])?.assert_success();
    Ok(())
}
