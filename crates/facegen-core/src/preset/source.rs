//! Where a model's weights come from.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// Where a model's weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// A file or directory, relative to the directory of presets unless it is
    /// absolute.
    Path(PathBuf),
    /// Random weights from this seed, written once as an ordinary checkpoint.
    Synthetic(u32),
    /// A file of a repository, fetched by `facegen models pull`.
    Hub(HubFile),
}

/// A file of a repository on a hub.
///
/// The names become parts of URLs and of paths, so they consist of safe
/// characters only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawHubFile")]
pub struct HubFile {
    repo: String,
    revision: String,
    file: String,
}

/// A [`HubFile`] before validation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHubFile {
    repo: String,
    revision: Option<String>,
    file: String,
}

impl HubFile {
    /// Returns the repository, `owner/name`.
    #[must_use]
    pub fn repo(&self) -> &str {
        &self.repo
    }

    /// Returns the branch, tag or commit.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Returns the path of the file in the repository.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the part of the path after the last slash.
    pub fn file_name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or_default()
    }

    /// Returns another file of the same directory, at a commit. `None` when
    /// `name` is not the plain name of a file.
    pub fn sibling(&self, commit: &str, name: &str) -> Option<Self> {
        let directory = self.file.strip_suffix(self.file_name())?;
        let is_name = is_plain(name) && !name.contains('/');
        is_name.then(|| Self {
            repo: self.repo.clone(),
            revision: commit.to_owned(),
            file: format!("{directory}{name}"),
        })
    }
}

impl TryFrom<RawHubFile> for HubFile {
    type Error = String;

    fn try_from(raw: RawHubFile) -> Result<Self, String> {
        let revision = raw.revision.unwrap_or_else(|| "main".to_owned());
        for name in [&raw.repo, &revision, &raw.file] {
            if !is_plain(name) {
                return Err(format!("{name} is no name of a hub"));
            }
        }
        if raw.repo.split('/').count() != 2 {
            return Err(format!("{} is not of the form owner/name", raw.repo));
        }
        Ok(Self {
            repo: raw.repo,
            revision,
            file: raw.file,
        })
    }
}

/// Checks that `name` has letters, digits, `-`, `_`, `.` and single slashes
/// only, and no part that begins with a dot.
fn is_plain(name: &str) -> bool {
    let is_harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    name.split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(is_harmless))
}

impl fmt::Display for HubFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.repo, self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HubFile, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_revision_is_main_unless_it_is_named() {
        let file = parse("repo = \"a/b\"\nfile = \"c/d.bin\"").unwrap();
        assert_eq!(file.revision(), "main");
        assert_eq!(file.to_string(), "a/b/c/d.bin");
        let shard = file.sibling("0a1b", "e.bin").unwrap();
        assert_eq!((shard.file(), shard.revision()), ("c/e.bin", "0a1b"));
        assert!(file.sibling("0a1b", "../e.bin").is_none());
    }

    #[test]
    fn names_that_leave_their_directory_are_refused() {
        for (repo, file) in [
            ("a/b", "../c"),
            ("a/b", "/c"),
            ("a/b", "c//d"),
            ("a/b", "c?d"),
            ("a/..", "c"),
            ("a", "c"),
            ("a/b/c", "d"),
        ] {
            let text = format!("repo = \"{repo}\"\nfile = \"{file}\"");
            assert!(parse(&text).is_err(), "{text}");
        }
    }
}
