//! The presets that are compiled in, in a directory without manifests.

use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use super::program::Outcome;
use crate::program::{executable, photo};

fn run(directory: &TempDir, words: &[&str]) -> Result<Outcome> {
    let mut command = Command::new(executable()?);
    command.current_dir(directory.path()).args(words);
    command.env_remove("RUST_LOG").output()?.try_into()
}

#[test]
fn an_empty_directory_has_the_published_presets() -> Result<()> {
    let directory = TempDir::new()?;
    let list = run(&directory, &["models", "list"])?;
    list.assert_success();
    for name in [
        "demo",
        "realistic-vision-faceid",
        "sd15-faceid",
        "sd15-plus-face",
    ] {
        let is_row = |line: &str| line.split_whitespace().next() == Some(name);
        assert!(list.stdout.lines().any(is_row), "{name} in {list:?}");
    }
    let words = ["models", "accept", "IP-Adapter-FaceID"];
    run(&directory, &words)?.assert_success();
    // Its files of the hub are missing, those that are compiled in are not.
    let words = ["doctor", "--preset", "sd15-plus-face"];
    let doctor = run(&directory, &words)?;
    assert_eq!(doctor.exit_code, Some(1), "{doctor:?}");
    for component in ["tokenizer", "face_detector"] {
        let is_ok = |line: &str| line.starts_with("ok") && line.contains(component);
        assert!(doctor.stdout.lines().any(is_ok), "{component}: {doctor:?}");
    }
    Ok(())
}

#[test]
fn what_is_not_compiled_in_is_refused_with_the_setting_of_the_directory() -> Result<()> {
    let directory = TempDir::new()?;
    let face = photo("astronaut.png");
    let generate = ["generate", "--prompt", "portrait", "--face", &face];
    run(&directory, &generate)?.assert_refused(&["demo/text_encoder", "--models-dir"]);
    let unknown = [&generate[..], &["--preset", "nothing"]].concat();
    run(&directory, &unknown)?.assert_refused(&[
        "there is no preset nothing",
        "engine.models_dir, --models-dir",
        "compiled in: demo",
    ]);
    Ok(())
}
