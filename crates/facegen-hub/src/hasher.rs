//! The sha256 of a file, and the git hash of a small one.

use facegen_core::sha256::hexadecimal;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::HubError;
use crate::description::RemoteFile;

/// Hashes a file while it arrives.
pub(super) struct Hasher {
    sha256: Sha256,
    /// The hub names small files by their git hash.
    git: Option<Sha1>,
}

impl Hasher {
    /// Starts at the beginning of a file.
    pub(super) fn new(remote: &RemoteFile) -> Self {
        // Git hashes kind and size before the bytes.
        let header = format!("blob {}\0", remote.size);
        let git = remote.git_hash().map(|_| Sha1::new_with_prefix(header));
        Self {
            sha256: Sha256::new(),
            git,
        }
    }

    /// Adds the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(git) = &mut self.git {
            git.update(bytes);
        }
    }

    /// Returns the sha256 of a whole file `name`, if it is `expected` and the
    /// git hash is the hub's.
    pub(super) fn check(
        self,
        name: &str,
        expected: Option<&str>,
        remote: &RemoteFile,
    ) -> Result<String, HubError> {
        let found = hexadecimal(self.sha256);
        if let Some(expected) = expected
            && expected != found
        {
            return Err(HubError::Hash {
                file: name.to_owned(),
                expected: expected.to_owned(),
                found,
            });
        }
        let git = self.git.map(hexadecimal).unwrap_or_default();
        match remote.git_hash() {
            // Some mirrors name another hash; the manifest's sha256 is enough.
            Some(announced) if expected.is_none() && announced != git => Err(HubError::GitHash {
                file: name.to_owned(),
                expected: announced.to_owned(),
                found: git,
            }),
            _ => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_is_checked_by_its_git_hash() {
        // `printf 'hello\n' | git hash-object --stdin`
        let remote = RemoteFile {
            commit: "0123456789".to_owned(),
            blob: "ce013625030ba8dba906f756967f9e9ca394464a".to_owned(),
            size: 6,
        };
        let hash = |bytes: &[u8]| {
            let mut hasher = Hasher::new(&remote);
            bytes.chunks(4).for_each(|chunk| hasher.update(chunk));
            hasher.check("a/b/c", None, &remote)
        };
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(hash(b"hello\n").unwrap(), sha256);
        let error = hash(b"jello\n").unwrap_err().to_string();
        assert!(error.contains(&remote.blob), "{error}");
    }
}
