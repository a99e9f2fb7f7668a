//! A preset with `ip-adapter-plus-face`: no recogniser, and `s_scale` is the
//! weight of the whole photo.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

use crate::program::{Generate, photo};

const ADAPTER: &str = r#"{"cross_attention_dim": 128, "clip_embedding_dim": 128}"#;

/// Returns a directory of presets with one that differs from the preset of
/// random weights only in its adapter.
fn presets() -> Result<TempDir> {
    let directory = TempDir::new()?;
    let of_tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/assets/presets");
    for name in ["demo", "random"] {
        symlink(of_tests.join(name), directory.path().join(name))?;
    }
    fs::create_dir_all(directory.path().join("plus/adapter"))?;
    fs::write(directory.path().join("plus/adapter/config.json"), ADAPTER)?;

    let random = fs::read_to_string(of_tests.join("random.toml"))?;
    let (without_embedder, _) = random
        .split_once("[components.face_embedder]")
        .expect("the preset ends with its embedder");
    let plus = without_embedder
        .replace("name = \"random\"", "name = \"plus\"")
        .replace("[options]", "[options]\nadapter_kind = \"plus-face\"")
        .replace("random/adapter/config.json", "plus/adapter/config.json");
    fs::write(directory.path().join("plus.toml"), plus)?;
    Ok(directory)
}

#[test]
fn without_weight_the_photo_has_no_influence() -> Result<()> {
    let (presets, data) = (presets()?, TempDir::new()?);
    let image = |face: &str, s_scale: &str| {
        Generate::new()?
            .with("--models-dir", presets.path().display().to_string())
            .with("--data-dir", data.path().display().to_string())
            .with("--preset", "plus")
            .with("--face", photo(face))
            .with("--s-scale", s_scale)
            .image()
    };
    let [one, other] = ["astronaut.png", "person_a_2.jpg"];
    assert_eq!(image(one, "0")?, image(other, "0")?);
    let weighed = image(one, "1")?;
    assert_ne!(weighed, image(other, "1")?);
    assert_ne!(weighed, image(one, "0.5")?);
    Ok(())
}
