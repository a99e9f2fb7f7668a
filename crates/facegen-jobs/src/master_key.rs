//! The master key of the server, from which the secrets of API keys derive.
//!
//! Secrets that callers give the server, such as those of their buckets, are
//! stored sealed with it; secrets that the server gives its callers, such as
//! those that sign their webhooks, derive from it and are not stored.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use facegen_core::WebhookSecret;
use facegen_core::redact::Secret;
use hkdf::Hkdf;
use sha2::Sha256;
use thiserror::Error;

use facegen_core::key::KeyId;

/// The bytes of a master key and of every secret that derives from it.
const BYTES: usize = 32;

/// The bytes of the random nonce before a sealed text.
const NONCE_BYTES: usize = 24;

/// The purpose of the keys that seal texts.
const SEALING: &str = "sealing";

/// The purpose of the fingerprint.
const FINGERPRINT: &str = "fingerprint";

/// The purpose of the keys that sign webhooks.
const WEBHOOKS: &str = "webhook";

/// Why a master key is not available.
#[derive(Debug, Error)]
pub enum MasterKeyError {
    /// The text is not a master key.
    #[error(
        "a master key is base64 of {BYTES} bytes, e.g. what `openssl rand -base64 {BYTES}` prints"
    )]
    NotAKey,
    /// The file of the key cannot be read or created.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system gives no random numbers.
    #[error("no random numbers for a master key: {0}")]
    Random(#[from] getrandom::Error),
    /// The text is longer than the cipher allows.
    #[error("the text is too long to be sealed")]
    TooLong,
}

/// A text was not sealed by this master key for this purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the master key does not open what was sealed, was it changed?")]
pub struct NotSealedHere;

/// The secret of the server, 256 random bits. It prints as `[redacted]`.
#[derive(Debug, Clone)]
pub struct MasterKey(Secret<[u8; BYTES]>);

impl MasterKey {
    /// Parses a key from the base64 of its bytes.
    ///
    /// # Errors
    /// Fails when the text is not base64, or that of another number of bytes.
    pub fn parse(text: &Secret<String>) -> Result<Self, MasterKeyError> {
        let bytes = STANDARD.decode(text.expose().trim());
        let bytes = bytes.map_err(|_| MasterKeyError::NotAKey)?;
        let bytes = bytes.try_into().map_err(|_| MasterKeyError::NotAKey)?;
        Ok(Self::from_bytes(bytes))
    }

    /// Returns the key of these bytes, which must be random.
    #[must_use]
    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(Secret::new(bytes))
    }

    /// Reads the key in the file at `path`. When there is no such file, creates
    /// it with a random key, readable by its owner only.
    ///
    /// # Errors
    /// Fails when the file cannot be read or created, or holds no key.
    pub fn in_file(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File {
            path: path.to_owned(),
            source,
        };
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&Secret::new(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut bytes = [0; BYTES];
                getrandom::fill(&mut bytes)?;
                write_new(path, &STANDARD.encode(bytes)).map_err(failed)?;
                // Another process may have created it a moment earlier.
                let text = fs::read_to_string(path).map_err(failed)?;
                Self::parse(&Secret::new(text))
            }
            Err(source) => Err(failed(source)),
        }
    }

    /// Reads the key in the file at `path`; `None` when there is no such file.
    ///
    /// # Errors
    /// Fails when the file cannot be read, or holds no key.
    pub fn in_existing_file(path: &Path) -> Result<Option<Self>, MasterKeyError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&Secret::new(text)).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(MasterKeyError::File {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Derives bytes that cannot be computed without the master key, the same
    /// for the same purpose and key, and different for all others.
    #[must_use]
    pub fn derive(&self, purpose: &str, key: KeyId) -> Secret<[u8; BYTES]> {
        let hkdf = Hkdf::<Sha256>::new(None, self.0.expose());
        let mut bytes = [0; BYTES];
        let (number, separator) = (key.get().to_be_bytes(), [0]);
        let info: [&[u8]; 3] = [purpose.as_bytes(), &separator, &number];
        // 32 bytes are less than the limit of 8,160.
        let filled = hkdf.expand_multi_info(&info, &mut bytes);
        debug_assert!(filled.is_ok(), "hkdf gives 32 bytes");
        Secret::new(bytes)
    }

    /// Returns what tells this master key from others without telling anything
    /// else of it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; BYTES] {
        // No key has this number.
        *self.derive(FINGERPRINT, KeyId::new(0)).expose()
    }

    /// Returns the secret that signs the webhooks of `key`. It stays the same
    /// for as long as the key's row and the master key do.
    #[must_use]
    pub fn webhook_secret(&self, key: KeyId) -> WebhookSecret {
        WebhookSecret::new(self.derive(WEBHOOKS, key))
    }

    /// Encrypts a text, readable only with the master key and for the same key
    /// and purpose.
    ///
    /// # Errors
    /// Fails when the operating system gives no random numbers, or the text is
    /// longer than 256 GB.
    pub fn seal(
        &self,
        purpose: &str,
        key: KeyId,
        text: &Secret<String>,
    ) -> Result<Vec<u8>, MasterKeyError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        let payload = Payload {
            msg: text.expose().as_bytes(),
            aad: purpose.as_bytes(),
        };
        let sealed = self.cipher(key).encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| MasterKeyError::TooLong)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts a text that [`MasterKey::seal`] has sealed.
    ///
    /// # Errors
    /// Fails when it was sealed by another master key, for another key or
    /// purpose, or has been changed.
    pub fn open(
        &self,
        purpose: &str,
        key: KeyId,
        sealed: &[u8],
    ) -> Result<Secret<String>, NotSealedHere> {
        let (nonce, msg) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(NotSealedHere)?;
        let aad = purpose.as_bytes();
        let text = self
            .cipher(key)
            .decrypt(&XNonce::from(*nonce), Payload { msg, aad })
            .map_err(|_| NotSealedHere)?;
        let text = String::from_utf8(text).map_err(|_| NotSealedHere)?;
        Ok(Secret::new(text))
    }

    fn cipher(&self, key: KeyId) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.derive(SEALING, key).expose().into())
    }
}

/// Creates the file with this text, atomically, unless it exists.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Unlike a rename, it replaces nothing.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::from_bytes([byte; BYTES])
    }

    #[test]
    fn a_text_opens_for_its_own_key_and_purpose_only() {
        let (ours, owner) = (master(1), KeyId::new(1));
        let text = Secret::new("a secret".to_owned());
        let sealed = ours.seal("bucket", owner, &text).unwrap();
        let again = ours.seal("bucket", owner, &text).unwrap();
        assert_ne!(sealed, again, "each has its own nonce");
        assert!(!sealed.windows(8).any(|part| part == b"a secret"));
        let opened = ours.open("bucket", owner, &sealed).unwrap();
        assert_eq!(opened.expose(), "a secret");

        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        for (purpose, key, sealed) in [
            ("webhook", owner, &sealed),
            ("bucket", KeyId::new(2), &sealed),
            ("bucket", owner, &changed),
            ("bucket", owner, &Vec::new()),
        ] {
            assert!(ours.open(purpose, key, sealed).is_err());
        }
        assert!(master(2).open("bucket", owner, &sealed).is_err());
    }

    #[test]
    fn derived_secrets_are_reproducible_and_differ_by_key_and_purpose() {
        let derived = |byte, purpose, key| *master(byte).derive(purpose, KeyId::new(key)).expose();
        let one = derived(1, "webhook", 1);
        assert_eq!(one, derived(1, "webhook", 1));
        for other in [
            derived(2, "webhook", 1),
            derived(1, "bucket", 1),
            derived(1, "webhook", 2),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_file_is_created_once_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let made = MasterKey::in_file(&path).unwrap();
        let read = MasterKey::in_file(&path).unwrap();
        assert_eq!(made.0.expose(), read.0.expose());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_fingerprint_tells_master_keys_apart_and_is_no_part_of_one() {
        let print = master(1).fingerprint();
        assert_eq!(print, master(1).fingerprint());
        assert_ne!(print, master(2).fingerprint());
        assert_ne!(print, [1; BYTES]);
    }

    #[test]
    fn a_file_that_is_not_there_is_not_created() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        assert!(MasterKey::in_existing_file(&path).unwrap().is_none());
        assert!(!path.exists());
        let made = MasterKey::in_file(&path).unwrap();
        let read = MasterKey::in_existing_file(&path).unwrap().unwrap();
        assert_eq!(made.fingerprint(), read.fingerprint());
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in ["", "abc", "c2hvcnQ=", "?"] {
            let parsed = MasterKey::parse(&Secret::new(text.to_owned()));
            assert!(matches!(parsed, Err(MasterKeyError::NotAKey)), "{text}");
        }
        assert_eq!(format!("{:?}", master(1)), "MasterKey([redacted])");
    }
}
