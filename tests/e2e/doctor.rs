//! `facegen doctor`: what it prints, and its exit code.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;

use crate::program::executable;

fn doctor(data_dir: &Path, device: &str) -> Result<Output> {
    let mut command = Command::new(executable()?);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env_remove("RUST_LOG").arg("doctor");
    command.arg("--data-dir").arg(data_dir);
    command.args(["--preset", "demo"]);
    Ok(command.env("FACEGEN__ENGINE__DEVICE", device).output()?)
}

#[test]
fn a_working_machine_passes_every_check() -> Result<()> {
    let data_dir = tempfile::tempdir()?;
    let output = doctor(data_dir.path(), "cpu")?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}");
    assert!(text.lines().all(|line| line.starts_with("ok ")), "{text}");
    for what in [
        "cpu, ",
        "demo in f32",
        "yunet_2023mar.onnx, sha256 9699cb903f72e0bd",
        "diffusion_pytorch_model.safetensors, sha256 ",
        "safety_checker",
        "loading         unet ",
        "batch           up to 1 of 512x512 share a step",
        "database        works; no key yet",
        "can be written",
    ] {
        assert!(text.contains(what), "{what}: {text}");
    }
    assert_eq!(fs::read_dir(data_dir.path().join("pictures"))?.count(), 0);
    Ok(())
}

#[test]
fn failed_checks_are_named_and_counted() -> Result<()> {
    let data_dir = tempfile::tempdir()?;
    fs::write(data_dir.path().join("pictures"), "no directory")?;
    let output = doctor(data_dir.path(), "cuda:7")?;
    let (text, errors) = (
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    );
    assert_eq!(output.status.code(), Some(1), "{text}");
    let failed = |what: &str| {
        let line = text.lines().find(|line| line.contains(what));
        line.is_some_and(|line| line.starts_with("FAILED"))
    };
    assert!(failed("the device cpu needs no gpu"), "{text}");
    assert!(failed("storage"), "{text}");
    assert!(errors.contains("error: 3 checks failed"), "{errors}");
    Ok(())
}
