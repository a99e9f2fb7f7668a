//! How long an image takes on this machine, for `facegen models list`: a file of
//! the data directory with the shortest time of each preset on each device.

mod timed;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use anyhow::{Context, Result};
use facegen_core::Backend;
use serde::{Deserialize, Serialize};

use timed::Timed;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The content of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimesFile {
    #[serde(default, rename = "time")]
    times: Vec<ShortestTime>,
}

/// The shortest time of an image of 512×512 in 21 steps that was made alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShortestTime {
    pub(crate) preset: String,
    /// As in the config, e.g. `cpu` or `cuda:0`.
    pub(crate) device: String,
    /// From the decoded photo to the pixels.
    pub(crate) seconds: f64,
    /// The version of the program, which may be slower than the next.
    version: String,
}

/// Reads the times of a data directory; without a file there are none.
///
/// # Errors
/// Fails when the file cannot be read or is another.
pub(crate) fn read(data_dir: &Path) -> Result<Vec<ShortestTime>> {
    let path = path(data_dir);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).with_context(|| format!("{} cannot be used", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn parse(text: &str) -> Result<Vec<ShortestTime>> {
    Ok(toml::from_str::<TimesFile>(text)?.times)
}

/// Returns the backend, whose images leave their times in the data directory.
pub(crate) fn kept(
    backend: Box<dyn Backend>,
    data_dir: &Path,
    preset: &str,
    device: String,
) -> Box<dyn Backend> {
    let (data_dir, preset) = (data_dir.to_owned(), preset.to_owned());
    let keep = move |time: Duration| {
        let time = ShortestTime {
            preset: preset.clone(),
            device: device.clone(),
            seconds: time.as_secs_f64(),
            version: VERSION.to_owned(),
        };
        if let Err(error) = keep_shortest(&data_dir, time) {
            tracing::warn!(%error, "failed to keep the time of an image");
        }
    };
    Box::new(Timed::new(backend, Box::new(keep)))
}

/// Writes the time, unless this version was faster with the preset on the device.
fn keep_shortest(data_dir: &Path, time: ShortestTime) -> Result<()> {
    let mut times = read(data_dir)?;
    let is_same = |other: &ShortestTime| other.preset == time.preset && other.device == time.device;
    let is_faster =
        |other: &ShortestTime| other.version == time.version && other.seconds <= time.seconds;
    if times.iter().any(|other| is_same(other) && is_faster(other)) {
        return Ok(());
    }
    times.retain(|other| !is_same(other));
    times.push(time);
    times.sort_by(|a, b| (&a.preset, &a.device).cmp(&(&b.preset, &b.device)));
    write(&path(data_dir), &TimesFile { times })
}

/// Writes the file as a whole, so that no reader sees half of it.
fn write(path: &Path, content: &TimesFile) -> Result<()> {
    let text = toml::to_string(content)?;
    let new = path.with_extension(format!("{}.new", process::id()));
    fs::write(&new, format!("# Written by facegen.\n{text}"))?;
    Ok(fs::rename(&new, path)?)
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("times.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(preset: &str, seconds: f64, version: &str) -> ShortestTime {
        ShortestTime {
            preset: preset.to_owned(),
            device: "cpu".to_owned(),
            seconds,
            version: version.to_owned(),
        }
    }

    #[test]
    fn the_shortest_time_of_a_version_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        assert_eq!(read(data_dir).unwrap(), []);
        let on_gpu = ShortestTime {
            device: "cuda:0".to_owned(),
            ..time("b", 1.5, "1")
        };
        for made in [
            time("b", 8.0, "1"),
            time("b", 6.0, "1"),
            time("b", 7.0, "1"),
            on_gpu.clone(),
            time("a", 9.0, "1"),
            time("a", 10.0, "2"),
        ] {
            keep_shortest(data_dir, made).unwrap();
        }
        let expected = [time("a", 10.0, "2"), time("b", 6.0, "1"), on_gpu];
        assert_eq!(read(data_dir).unwrap(), expected);
        assert_eq!(fs::read_dir(data_dir).unwrap().count(), 1);
    }

    #[test]
    fn another_file_of_that_name_is_named_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = path(directory.path());
        fs::write(&file, "[[time]]\npreset = 1\n").unwrap();
        assert!(keep_shortest(directory.path(), time("a", 1.0, "1")).is_err());
        let error = read(directory.path()).unwrap_err().to_string();
        assert!(error.contains("times.toml cannot be used"), "{error}");
        assert_eq!(fs::read_to_string(file).unwrap(), "[[time]]\npreset = 1\n");
    }
}
