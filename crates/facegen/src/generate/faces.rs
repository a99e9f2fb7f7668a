//! The photos of the command line: files, and directories of files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use facegen_core::Photo;
use facegen_core::redact::FaceImage;
use facegen_image::{ImageLimits, read_image};

use crate::failure::Failure;

/// The extensions of the files of a directory that are taken for photos.
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];

/// Returns the paths of the photos: files as they are given, and the photos of
/// directories by their names.
pub(super) fn find(given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut photos = Vec::new();
    for path in given {
        refuse_link(path)?;
        if path.is_dir() {
            photos.extend(photos_of(path)?);
        } else {
            photos.push(path.clone());
        }
    }
    Ok(photos)
}

fn refuse_link(path: &Path) -> Result<(), Failure> {
    let text = path.to_string_lossy().to_ascii_lowercase();
    let mut schemes = ["http://", "https://"].iter();
    if schemes.any(|scheme| text.starts_with(scheme)) {
        return Err(Failure::Usage(anyhow!(
            "--face takes a file, not a link: fetch the photo first, with curl --location \
             --output face.jpg LINK, and pass --face face.jpg"
        )));
    }
    Ok(())
}

/// Returns the photos of a directory, without those of directories in it.
fn photos_of(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let paths: io::Result<Vec<PathBuf>> = fs::read_dir(directory).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    });
    let paths = paths.with_context(|| format!("face_image {} cannot be read", directory.display()));
    let mut photos = paths.map_err(Failure::FaceImage)?;
    photos.retain(|path| is_photo(path));
    photos.sort();
    if photos.is_empty() {
        let (directory, extensions) = (directory.display(), EXTENSIONS.join(", ."));
        return Err(Failure::FaceImage(anyhow!(
            "face_image {directory} is a directory without photos (.{extensions})"
        )));
    }
    Ok(photos)
}

fn is_photo(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let is_hidden = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let is_known = EXTENSIONS.contains(&&*extension.to_ascii_lowercase());
    is_known && !is_hidden && path.is_file()
}

/// Reads a photo.
pub(super) fn read(path: &Path) -> Result<Photo, Failure> {
    let bytes = fs::read(path)
        .with_context(|| format!("face_image {} cannot be read", path.display()))
        .map_err(Failure::FaceImage)?;
    let face = FaceImage::from(bytes);
    Ok(read_image(face.bytes(), &ImageLimits::default())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_for_its_photos_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["b.JPG", "a.webp", "notes.txt", ".hidden.png", "c"] {
            fs::write(path(name), "").unwrap();
        }
        fs::create_dir(path("d.png")).unwrap();
        let given = [path("c"), directory.path().to_owned()];
        let found = find(&given).unwrap();
        assert_eq!(found, [path("c"), path("a.webp"), path("b.JPG")]);
    }

    #[test]
    fn a_directory_without_photos_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("notes.txt"), "").unwrap();
        let error = find(&[directory.path().to_owned()]).unwrap_err();
        assert!(matches!(error, Failure::FaceImage(_)));
        assert!(
            error.to_string().contains("without photos (.jpg,"),
            "{error}"
        );
    }
}
