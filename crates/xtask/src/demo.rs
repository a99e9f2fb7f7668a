//! `cargo xtask demo`: one picture from a committed photograph, with nothing set up before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{process, report};

const PHOTOGRAPH: &str = "tests/assets/photographs/astronaut.png";
const PROMPT: &str = "portrait photograph of a person in a garden, soft light, detailed";
const NEGATIVE_PROMPT: &str = "blurry, low quality";
const SIDE: u32 = 512;

/// What `cargo xtask demo` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The photograph of the face, relative to the root of the workspace.
    #[arg(long, value_name = "FILE", default_value = PHOTOGRAPH)]
    face: PathBuf,
    /// What the picture shows.
    #[arg(long, default_value = PROMPT)]
    prompt: String,
    /// The seed of the noise that the picture is made from.
    #[arg(long, default_value_t = 1234)]
    seed: u32,
}

/// Builds the program, lets it make the picture, and ends with the line `picture: PATH`.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    report::heading("build");
    let mut build = process::cargo();
    build
        .args(["build", "--package", "facegen"])
        .current_dir(&workspace.root);
    process::run(&mut build)?;

    report::heading("generate");
    let folder = workspace.target.join("demo");
    fs::create_dir_all(&folder)?;
    let picture = folder.join("picture.png");
    if picture.exists() {
        // What an earlier run made must not be taken for the picture of this one.
        fs::remove_file(&picture)?;
    }
    process::run(&mut generate(workspace, arguments, &folder, &picture))?;

    ensure!(
        png_size(&picture)? == (SIDE, SIDE),
        "the picture is not {SIDE}×{SIDE}"
    );
    report::line(format_args!(
        "picture: {}",
        workspace.relative(&picture).display()
    ));
    Ok(())
}

fn generate(workspace: &Workspace, arguments: &Arguments, folder: &Path, out: &Path) -> Command {
    let side = SIDE.to_string();
    let mut command = Command::new(workspace.target.join("debug").join("facegen"));
    command.current_dir(&workspace.root);
    command.args(["generate", "--preset", "demo", "--steps", "21"]);
    command.args(["--width", &side, "--height", &side]);
    command.args(["--seed", &arguments.seed.to_string()]);
    command.args([
        "--prompt",
        &arguments.prompt,
        "--negative-prompt",
        NEGATIVE_PROMPT,
    ]);
    command.arg("--face").arg(&arguments.face);
    command.arg("--data-dir").arg(folder.join("data"));
    command.arg("--out").arg(out);
    command
}

/// Width and height from the header of a PNG file.
fn png_size(path: &Path) -> Result<(u32, u32)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_png = bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.get(12..16) == Some(b"IHDR");
    ensure!(is_png, "{} is no PNG file", path.display());
    let number = |place: usize| {
        let bytes = bytes
            .get(place..place + 4)
            .context("the PNG file is cut short")?;
        Ok::<_, anyhow::Error>(u32::from_be_bytes(bytes.try_into()?))
    };
    Ok((number(16)?, number(20)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_read_from_the_header() {
        let photograph = Workspace::locate().unwrap().root.join(PHOTOGRAPH);
        assert_eq!(png_size(&photograph).unwrap(), (512, 512));
    }

    #[test]
    fn other_files_are_refused() {
        let manifest = Workspace::locate().unwrap().root.join("Cargo.toml");
        assert!(
            png_size(&manifest)
                .unwrap_err()
                .to_string()
                .contains("is no PNG file")
        );
    }
}
