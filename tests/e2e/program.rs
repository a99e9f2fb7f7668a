//! Runs the built program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// One run of `facegen generate`, at first with the fastest options.
#[derive(Debug)]
pub(crate) struct Generate {
    options: BTreeMap<String, String>,
    /// Options that are given once more.
    again: Vec<(&'static str, String)>,
    flags: Vec<&'static str>,
    directory: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    directory: TempDir,
}

impl Generate {
    /// Creates a run for a 64×64 image of the astronaut with the preset of
    /// random weights, without a safety checker.
    pub(crate) fn new() -> Result<Self> {
        let generate = Self {
            options: BTreeMap::new(),
            again: Vec::new(),
            flags: Vec::new(),
            directory: TempDir::new()?,
        };
        let data = shared_data();
        let out = generate.directory.path().join("picture.png");
        Ok(generate
            .with("--models-dir", PRESETS)
            .with("--preset", "random")
            .with("--data-dir", data.display().to_string())
            .with("--out", out.display().to_string())
            .with("--face", photo("astronaut.png"))
            .with("--prompt", "portrait of a person in a garden")
            .with("--seed", "1234")
            .with("--width", "64")
            .with("--height", "64"))
    }

    /// Sets an option, replacing its former value.
    pub(crate) fn with(mut self, option: &str, value: impl Into<String>) -> Self {
        self.options.insert(option.to_owned(), value.into());
        self
    }

    /// Gives an option once more, after its first value.
    pub(crate) fn again(mut self, option: &'static str, value: &str) -> Self {
        self.again.push((option, value.to_owned()));
        self
    }

    /// Adds an option without a value.
    pub(crate) fn flag(mut self, flag: &'static str) -> Self {
        self.flags.push(flag);
        self
    }

    /// Makes the image a file of this name.
    pub(crate) fn named(self, name: &str) -> Self {
        let path = self.directory.path().join(name);
        self.with("--out", path.display().to_string())
    }

    /// Writes a file where the image is to be written.
    pub(crate) fn with_existing(self, name: &str, bytes: &[u8]) -> Result<Self> {
        fs::write(self.directory.path().join(name), bytes)?;
        Ok(self)
    }

    /// Removes an option.
    pub(crate) fn without(mut self, option: &str) -> Self {
        self.options.remove(option);
        self
    }

    /// Writes a file next to the image and makes it the photo.
    pub(crate) fn with_face_file(self, bytes: &[u8]) -> Result<Self> {
        let path = self.directory.path().join("face");
        fs::write(&path, bytes)?;
        Ok(self.with("--face", path.display().to_string()))
    }

    /// Runs the program to its end.
    pub(crate) fn run(self) -> Result<Outcome> {
        let mut command = Command::new(executable()?);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env_remove("RUST_LOG").arg("generate");
        for (option, value) in &self.options {
            command.args([option, value]);
        }
        for (option, value) in &self.again {
            command.args([option, value.as_str()]);
        }
        command.args(&self.flags);
        let output = command.output()?;
        Ok(Outcome {
            exit_code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
            directory: self.directory,
        })
    }

    /// Runs the program and returns the first image, as the file's bytes.
    pub(crate) fn image(self) -> Result<Vec<u8>> {
        let outcome = self.run()?;
        ensure!(outcome.exit_code == Some(0), "{}", outcome.stderr);
        outcome.file("picture.png")
    }
}

impl Outcome {
    /// Reads a file that the run wrote next to its image.
    pub(crate) fn file(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.directory.path().join(name);
        fs::read(&path).with_context(|| path.display().to_string())
    }

    /// Returns the names of all such files.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let mut names = fs::read_dir(self.directory.path())?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<Vec<String>>>()?;
        names.sort();
        Ok(names)
    }
}

/// The directory of presets that only tests use.
pub(crate) const PRESETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/assets/presets");

/// Returns a data directory that is kept between runs, so that synthetic
/// weights are made once.
pub(crate) fn shared_data() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e-data")
}

/// Returns the path of a committed photo.
pub(crate) fn photo(name: &str) -> String {
    format!(
        "{}/tests/assets/photographs/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// Returns whether a PNG has the metadata of a generated image.
pub(crate) fn says_generated(png: &[u8]) -> bool {
    let holds = |text: &str| {
        png.windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    holds("iTXtXML:com.adobe.xmp")
        && holds("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia")
        && holds("xmp:CreatorTool=\"facegen ")
}

/// Returns the program next to this test's own directory, `target/debug/facegen`.
pub(crate) fn executable() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let path = test
        .parent()
        .and_then(Path::parent)
        .context("the test does not lie in a target directory")?
        .join(format!("facegen{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace --bins` before this test, \
         or `cargo xtask test`, which does",
        path.display()
    );
    Ok(path)
}
