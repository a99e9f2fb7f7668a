//! The data directory, which holds photos and secrets.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};

/// Creates the directory with access for its owner only, unless it exists.
///
/// # Errors
/// Fails when it cannot be created.
pub(crate) fn make(directory: &Path) -> Result<()> {
    make_private(directory).with_context(|| cannot_use(directory))
}

/// Creates the directory; an existing one keeps its mode.
fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(directory)
}

/// Returns a warning if other users can enter the directory.
pub(crate) fn open_to_others(directory: &Path) -> Option<String> {
    let mode = fs::metadata(directory).ok()?.permissions().mode() & 0o777;
    let directory = directory.display();
    (mode & 0o077 != 0).then(|| {
        format!(
            "other users can enter the data directory {directory} (mode {mode:o}): chmod 700 it"
        )
    })
}

/// Returns the context of errors about the directory.
pub(crate) fn cannot_use(directory: &Path) -> String {
    format!("the data directory {} cannot be used", directory.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_created_for_its_owner_only_and_an_open_one_is_reported() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("a/b");
        make(&directory).unwrap();
        assert_eq!(open_to_others(&directory), None);
        for mode in [0o777, 0o750, 0o701] {
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
            make(&directory).unwrap();
            let reported = open_to_others(&directory).unwrap();
            assert!(reported.contains(&format!("mode {mode:o}")), "{reported}");
        }
    }
}
