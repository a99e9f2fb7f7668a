//! Where finished pictures are kept.
//!
//! | chapter | holds |
//! |---|---|
//! | [`folder`] | [`FolderStore`], a local folder |

#[cfg(test)]
mod conformance;
pub mod folder;

pub use folder::{FolderError, FolderStore};
