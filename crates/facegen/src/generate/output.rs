//! The output files: their names, and atomic writing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use facegen_image::FileFormat;

use crate::failure::Failure;

/// The paths of the images of one request.
#[derive(Debug)]
pub(super) struct OutputFiles {
    first: PathBuf,
    format: FileFormat,
}

impl OutputFiles {
    /// Chooses the paths: `first` for the first image, others in its directory.
    ///
    /// Fails when `first` names a directory or nothing, or its directory does
    /// not exist: a mistyped path should not cost a generation.
    /// An extension that names no format of ours is refused.
    pub(super) fn new(first: PathBuf) -> Result<Self, Failure> {
        check_path(&first)?;
        let format = match first.extension() {
            None => Some(FileFormat::Png),
            Some(extension) => FileFormat::of_extension(&extension.to_string_lossy()),
        };
        let refusal = || {
            let path = first.display();
            Failure::Usage(anyhow!(
                "{path} ends with none of .png, .jpg, .jpeg and .webp"
            ))
        };
        let format = format.ok_or_else(refusal)?;
        Ok(Self { first, format })
    }

    /// Returns the format of the files, by their extension.
    pub(super) fn format(&self) -> FileFormat {
        self.format
    }

    /// Checks that no file of so many images exists.
    ///
    /// # Errors
    /// Names the first that does.
    pub(super) fn refuse_existing(&self, count: usize) -> Result<(), Failure> {
        let mut paths = (0..count).map(|index| self.path(index));
        let existing = paths.find(|path| path.symlink_metadata().is_ok());
        existing.map_or(Ok(()), |path| {
            let path = path.display();
            Err(Failure::Usage(anyhow!(
                "{path} exists: choose another file with --out, or overwrite it with --force"
            )))
        })
    }

    /// Returns `picture.png`, `picture-1.png`, …
    pub(super) fn path(&self, index: usize) -> PathBuf {
        if index == 0 {
            return self.first.clone();
        }
        let mut name = self.first.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{index}"));
        if let Some(extension) = self.first.extension() {
            name.push(".");
            name.push(extension);
        }
        self.first.with_file_name(name)
    }

    /// Writes a temporary file and renames it, so that no reader sees half an
    /// image. Replaces an existing file.
    pub(super) fn write(&self, index: usize, bytes: &[u8]) -> Result<()> {
        let path = self.path(index);
        let temporary = temporary_name(&path);
        write_and_rename(&temporary, &path, bytes)
            .inspect_err(|_| {
                // Best effort: it may not have been created.
                let _ = fs::remove_file(&temporary);
            })
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Checks that a file can be written there.
fn check_path(first: &Path) -> Result<()> {
    ensure!(
        first.file_name().is_some() && !first.is_dir(),
        "{} is not the name of a file",
        first.display()
    );
    let directory = directory(first);
    ensure!(
        directory.is_dir(),
        "the directory {} does not exist",
        directory.display()
    );
    Ok(())
}

fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Returns a hidden name in the same directory that no other process uses.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn write_and_rename(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_images_get_a_number_before_the_extension() {
        for (first, second) in [
            ("picture.png", "picture-1.png"),
            ("src/x.y.webp", "src/x.y-1.webp"),
            ("image", "image-1"),
        ] {
            let files = OutputFiles::new(first.into()).unwrap();
            assert_eq!(files.path(0), Path::new(first));
            assert_eq!(files.path(1), Path::new(second));
        }
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let files = OutputFiles::new(directory.path().join("picture.png")).unwrap();
        files.write(0, b"first").unwrap();
        files.write(0, b"second").unwrap();
        assert_eq!(fs::read(files.path(0)).unwrap(), b"second");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn existing_files_of_any_sample_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let files = OutputFiles::new(directory.path().join("picture.png")).unwrap();
        files.refuse_existing(2).unwrap();
        files.write(1, b"second").unwrap();
        files.refuse_existing(1).unwrap();
        let error = files.refuse_existing(2).unwrap_err();
        assert!(matches!(error, Failure::Usage(_)));
        let text = error.to_string();
        for part in ["picture-1.png exists", "--out", "--force"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_extension_chooses_the_format() {
        for (name, format) in [
            ("a.png", FileFormat::Png),
            ("a", FileFormat::Png),
            ("a.JPG", FileFormat::Jpeg),
            ("a.jpeg", FileFormat::Jpeg),
            ("a.webp", FileFormat::WebP),
        ] {
            let files = OutputFiles::new(name.into()).unwrap();
            assert_eq!(files.format(), format, "{name}");
        }
        for name in ["a.gif", "README.md"] {
            let error = OutputFiles::new(name.into()).unwrap_err();
            assert!(matches!(error, Failure::Usage(_)));
        }
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let files = OutputFiles::new(directory.path().join("picture.png")).unwrap();
        fs::create_dir(files.path(0)).unwrap();
        assert!(files.write(0, b"bytes").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn directories_and_missing_directories_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        for (path, reason) in [
            (directory.path().to_owned(), "is not the name of a file"),
            (missing.join("picture.png"), "missing does not exist"),
            (PathBuf::from(""), "is not the name of a file"),
        ] {
            let error = OutputFiles::new(path).unwrap_err().to_string();
            assert!(error.trim_end().ends_with(reason), "{error}");
        }
    }
}
