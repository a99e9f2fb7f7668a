//! Presets of a test, and the program that pulls them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::hub::Hub;
use crate::program::{executable, photo};

/// A directory with one preset, `pulled`, and a data directory.
#[derive(Debug)]
pub(crate) struct Models {
    directory: TempDir,
    endpoint: String,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Models {
    /// Creates the demo preset with some components from the hub. `components`
    /// are their names, each with the lines of its table.
    pub(crate) fn new(hub: &Hub, components: &[(&str, &str)]) -> Result<Self> {
        let models = Self {
            directory: TempDir::new()?,
            endpoint: hub.endpoint(),
        };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        fs::create_dir(models.models_dir())?;
        symlink(repository.join("demo"), models.models_dir().join("demo"))?;
        let demo = fs::read_to_string(repository.join("demo.toml"))?;
        let mut manifest: toml::Table = toml::from_str(&demo)?;
        manifest.insert("name".to_owned(), "pulled".into());
        let research = "[Secret-Lab]\nresearch_only = true\nterms = \"for science\"";
        manifest.insert("licences".to_owned(), toml::from_str(research)?);
        let tables = manifest
            .get_mut("components")
            .and_then(toml::Value::as_table_mut);
        let tables = tables.context("the demo preset has components")?;
        for (name, lines) in components {
            let mut table: toml::Table = toml::from_str(lines)?;
            let before = tables.get(*name).and_then(|table| table.get("config"));
            if let Some(config) = before.cloned() {
                table.insert("config".to_owned(), config);
            }
            table.entry("licence").or_insert("MIT".into());
            tables.insert((*name).to_owned(), table.into());
        }
        fs::write(
            models.models_dir().join("pulled.toml"),
            manifest.to_string(),
        )?;
        Ok(models)
    }

    pub(crate) fn models_dir(&self) -> PathBuf {
        self.directory.path().join("models")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Returns the path of a fetched file, as `huggingface_hub` has it.
    pub(crate) fn blob(&self, repo: &str, hash: &str) -> PathBuf {
        let repo = format!("models/models--{}/blobs", repo.replace('/', "--"));
        self.data_dir().join(repo).join(hash)
    }

    /// Returns `facegen models` with these words as a command.
    pub(crate) fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(executable()?);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        for variable in [
            "http_proxy",
            "HTTP_PROXY",
            "all_proxy",
            "ALL_PROXY",
            "HF_TOKEN",
            "HF_HUB_OFFLINE",
        ] {
            command.env_remove(variable);
        }
        command
            .env("HF_ENDPOINT", &self.endpoint)
            .env("RUST_LOG", "trace");
        command.args(words);
        command.arg("--models-dir").arg(self.models_dir());
        command.arg("--data-dir").arg(self.data_dir());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// Runs `facegen models` with these words.
    pub(crate) fn run(&self, words: &[&str]) -> Result<Outcome> {
        let words = [&["models"], words].concat();
        self.command(&words)?.output()?.try_into()
    }

    /// Makes a small image with the preset.
    pub(crate) fn generate(&self, options: &[&str]) -> Result<Outcome> {
        self.generate_command(options)?.output()?.try_into()
    }

    /// Returns the command that makes a small image with the preset.
    pub(crate) fn generate_command(&self, options: &[&str]) -> Result<Command> {
        let out = self.directory.path().join("picture.png");
        let mut command = self.command(&["generate", "--preset", "pulled"])?;
        command
            .arg("--out")
            .arg(out)
            .args(options)
            .env("RUST_LOG", "info");
        command.args(["--face", &photo("astronaut.png"), "--prompt", "portrait"]);
        command.args(["--width", "64", "--height", "64", "--seed", "1", "--force"]);
        Ok(command)
    }
}

impl TryFrom<Output> for Outcome {
    type Error = anyhow::Error;

    fn try_from(output: Output) -> Result<Self> {
        Ok(Self {
            exit_code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.exit_code, Some(0), "{}", self.stderr);
    }

    /// Checks that it failed with exit code 5, and that one line contains all `parts`.
    #[track_caller]
    pub(crate) fn assert_refused(&self, parts: &[&str]) {
        assert_eq!(self.exit_code, Some(5), "{}", self.stderr);
        let says = |line: &str| parts.iter().all(|part| line.contains(part));
        let lines = self.stderr.lines().chain(self.stdout.lines());
        assert!(lines.into_iter().any(says), "{parts:?} in {self:?}");
    }
}
