//! The data folder, which holds photographs and secrets.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};

/// Makes the folder when it is not there, for nobody else to enter.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make(folder: &Path) -> Result<()> {
    make_private(folder).with_context(|| cannot_use(folder))
}

/// One that is there already keeps its mode.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder)
}

/// What is wrong with its permissions, if others can enter it.
pub(crate) fn open_to_others(folder: &Path) -> Option<String> {
    let mode = fs::metadata(folder).ok()?.permissions().mode() & 0o777;
    let folder = folder.display();
    (mode & 0o077 != 0).then(|| {
        format!("other users can enter the data folder {folder} (mode {mode:o}): chmod 700 it")
    })
}

/// What goes before the reason.
pub(crate) fn cannot_use(folder: &Path) -> String {
    format!("the data folder {} cannot be used", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_for_its_owner_alone_and_an_open_one_is_told_of() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("a/b");
        make(&folder).unwrap();
        assert_eq!(open_to_others(&folder), None);
        for mode in [0o777, 0o750, 0o701] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            make(&folder).unwrap();
            let told = open_to_others(&folder).unwrap();
            assert!(told.contains(&format!("mode {mode:o}")), "{told}");
        }
    }
}
