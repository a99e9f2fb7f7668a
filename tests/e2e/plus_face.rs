//! A preset with `ip-adapter-plus-face`: no recogniser, and `s_scale` weighs the
//! whole influence of the photograph.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

use crate::program::{Generate, photograph};

const ADAPTER: &str = r#"{"cross_attention_dim": 128, "clip_embedding_dim": 128}"#;

/// A folder of presets with one that is the preset of random weights but for its
/// adapter.
fn presets() -> Result<TempDir> {
    let folder = TempDir::new()?;
    let of_tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/assets/presets");
    for name in ["demo", "random"] {
        symlink(of_tests.join(name), folder.path().join(name))?;
    }
    fs::create_dir_all(folder.path().join("plus/adapter"))?;
    fs::write(folder.path().join("plus/adapter/config.json"), ADAPTER)?;

    let random = fs::read_to_string(of_tests.join("random.toml"))?;
    let (without_embedder, _) = random
        .split_once("[components.face_embedder]")
        .expect("the preset ends with its embedder");
    let plus = without_embedder
        .replace("name = \"random\"", "name = \"plus\"")
        .replace("[options]", "[options]\nadapter_kind = \"plus-face\"")
        .replace("random/adapter/config.json", "plus/adapter/config.json");
    fs::write(folder.path().join("plus.toml"), plus)?;
    Ok(folder)
}

#[test]
fn without_weight_the_photograph_does_not_count() -> Result<()> {
    let (presets, data) = (presets()?, TempDir::new()?);
    let picture = |face: &str, s_scale: &str| {
        Generate::new()?
            .with("--models-dir", presets.path().display().to_string())
            .with("--data-dir", data.path().display().to_string())
            .with("--preset", "plus")
            .with("--face", photograph(face))
            .with("--s-scale", s_scale)
            .picture()
    };
    let [one, other] = ["astronaut.png", "person_a_2.jpg"];
    assert_eq!(picture(one, "0")?, picture(other, "0")?);
    let weighed = picture(one, "1")?;
    assert_ne!(weighed, picture(other, "1")?);
    assert_ne!(weighed, picture(one, "0.5")?);
    Ok(())
}
