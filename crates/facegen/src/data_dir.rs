//! The data directory, which holds photos and secrets.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};

/// Makes the directory when it is not there, for nobody else to enter.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make(directory: &Path) -> Result<()> {
    make_private(directory).with_context(|| cannot_use(directory))
}

/// One that is there already keeps its mode.
fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(directory)
}

/// What is wrong with its permissions, if others can enter it.
pub(crate) fn open_to_others(directory: &Path) -> Option<String> {
    let mode = fs::metadata(directory).ok()?.permissions().mode() & 0o777;
    let directory = directory.display();
    (mode & 0o077 != 0).then(|| {
        format!(
            "other users can enter the data directory {directory} (mode {mode:o}): chmod 700 it"
        )
    })
}

/// What goes before the reason.
pub(crate) fn cannot_use(directory: &Path) -> String {
    format!("the data directory {} cannot be used", directory.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_for_its_owner_alone_and_an_open_one_is_told_of() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("a/b");
        make(&directory).unwrap();
        assert_eq!(open_to_others(&directory), None);
        for mode in [0o777, 0o750, 0o701] {
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
            make(&directory).unwrap();
            let told = open_to_others(&directory).unwrap();
            assert!(told.contains(&format!("mode {mode:o}")), "{told}");
        }
    }
}
