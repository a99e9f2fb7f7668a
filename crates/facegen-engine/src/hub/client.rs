//! The hub's HTTP interface: what a file is, and its bytes from an offset on.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{HeaderMap, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::origin::{next_url, same_origin};
use super::{HubAccess, HubError};
use crate::preset::HubFile;

/// Where a renamed repository leads, and where that leads.
const MAX_REDIRECTS: u32 = 5;

/// How long the hub may take to answer, and to send the next bytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks one hub.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    access: HubAccess,
}

/// What the hub says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// The commit that the revision stands for.
    pub(super) commit: String,
    /// The hub's name for the bytes: their sha256 for large files, else the
    /// hash that git has.
    pub(super) blob: String,
    pub(super) size: u64,
}

impl RemoteFile {
    /// The sha256 of the bytes, where the hub knows it.
    pub(super) fn sha256(&self) -> Option<&str> {
        (self.blob.len() == 64).then_some(&self.blob)
    }

    /// The hash that git has of the bytes, where the hub names that.
    pub(super) fn git_hash(&self) -> Option<&str> {
        (self.blob.len() == 40).then_some(&self.blob)
    }
}

/// Bytes of a file.
pub(super) struct Bytes {
    /// Where in the file they begin.
    pub(super) offset: u64,
    pub(super) reader: Box<dyn Read>,
}

impl Client {
    pub(super) fn new(access: &HubAccess) -> Self {
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(
                rustls::crypto::aws_lc_rs::default_provider(),
            ))
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // They are followed here: the token is for the hub, not for the
            // store that it leads to, nor for another port of the same host.
            .max_redirects(0)
            .timeout_resolve(Some(PATIENCE))
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .user_agent(concat!("facegen/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            access: access.clone(),
        }
    }

    /// What the hub says of a file. A large file is described by the answer
    /// that leads to its store, so only redirects within the hub are followed.
    pub(super) fn describe(&self, file: &HubFile) -> Result<RemoteFile, HubError> {
        let mut url = self.url(file, file.revision());
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.head(&url);
            if let Some(token) = self.authorization(&url) {
                request = request.header("Authorization", token);
            }
            let answer = request.call().map_err(|error| broken(file, &error))?;
            check_status(file, file.revision(), answer.status().as_u16())?;
            let location = header(answer.headers(), "location");
            let is_path = location.is_some_and(|to| to.starts_with('/') && !to.starts_with("//"));
            match redirect(&url, &answer).filter(|_| is_path) {
                Some(next) => url = next,
                None => return read_description(file, answer.headers()),
            }
        }
        Err(leads_in_a_circle(file))
    }

    /// The bytes of a file from `offset` on; from the beginning where the hub
    /// does not know ranges.
    pub(super) fn read_from(
        &self,
        file: &HubFile,
        commit: &str,
        offset: u64,
    ) -> Result<Bytes, HubError> {
        let mut url = self.url(file, commit);
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(&url);
            if let Some(token) = self.authorization(&url) {
                request = request.header("Authorization", token);
            }
            if offset > 0 {
                request = request.header("Range", format!("bytes={offset}-"));
            }
            let answer = request.call().map_err(|error| broken(file, &error))?;
            check_status(file, commit, answer.status().as_u16())?;
            match redirect(&url, &answer) {
                Some(next) => url = next,
                None => {
                    return Ok(Bytes {
                        offset: begin(file, &answer)?,
                        reader: Box::new(answer.into_body().into_reader()),
                    });
                }
            }
        }
        Err(leads_in_a_circle(file))
    }

    fn url(&self, file: &HubFile, revision: &str) -> String {
        let endpoint = self.access.endpoint.trim_end_matches('/');
        let (repo, name) = (file.repo(), file.file());
        format!("{endpoint}/{repo}/resolve/{revision}/{name}")
    }

    /// What a request to `url` shows, if that is the hub's.
    fn authorization(&self, url: &str) -> Option<String> {
        let is_hub = same_origin(url, &self.access.endpoint);
        let token = self.access.token.as_ref().filter(|_| is_hub)?;
        Some(format!("Bearer {}", token.expose()))
    }
}

/// Where an answer leads, if it does not answer itself.
fn redirect(url: &str, answer: &Response<Body>) -> Option<String> {
    let location = header(answer.headers(), "location")?;
    let leads_on = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    next_url(url, location).filter(|_| leads_on)
}

fn leads_in_a_circle(file: &HubFile) -> HubError {
    HubError::Answer {
        file: file.to_string(),
        reason: "it leads in a circle",
    }
}

/// The first byte that an answer holds.
fn begin(file: &HubFile, answer: &Response<Body>) -> Result<u64, HubError> {
    if answer.status().as_u16() == 200 {
        return Ok(0);
    }
    let range = header(answer.headers(), "content-range");
    let first = range.and_then(|range| {
        range
            .strip_prefix("bytes ")?
            .split('-')
            .next()?
            .parse()
            .ok()
    });
    first.ok_or_else(|| HubError::Answer {
        file: file.to_string(),
        reason: "it does not say which bytes it holds",
    })
}

fn read_description(file: &HubFile, headers: &HeaderMap) -> Result<RemoteFile, HubError> {
    let missing = |reason| HubError::Answer {
        file: file.to_string(),
        reason,
    };
    let first = |names: [&str; 2]| names.into_iter().find_map(|name| header(headers, name));
    let size = first(["x-linked-size", "content-length"]).and_then(|size| size.parse().ok());
    let etag = first(["x-linked-etag", "etag"]).unwrap_or_default();
    let blob = etag.trim_start_matches("W/").trim_matches('"');
    let commit = header(headers, "x-repo-commit").unwrap_or_default();
    // Both become names on the disk.
    let is_hash = |text: &str| {
        (7..=64).contains(&text.len()) && text.chars().all(|digit| digit.is_ascii_hexdigit())
    };
    if !is_hash(commit) {
        return Err(missing("it names no commit"));
    }
    if !is_hash(blob) {
        return Err(missing("it names no hash"));
    }
    Ok(RemoteFile {
        commit: commit.to_owned(),
        blob: blob.to_owned(),
        size: size.ok_or_else(|| missing("it names no size"))?,
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn check_status(file: &HubFile, revision: &str, status: u16) -> Result<(), HubError> {
    let file = file.to_string();
    match status {
        200..=399 => Ok(()),
        401 | 403 => Err(HubError::Denied { file }),
        404 => Err(HubError::NotFound {
            file,
            revision: revision.to_owned(),
        }),
        status => Err(HubError::Status { file, status }),
    }
}

/// Without what the client says in detail: it may quote a signed URL.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what else the client tells apart means the same to an operator"
)]
fn broken(file: &HubFile, error: &ureq::Error) -> HubError {
    let reason = match error {
        ureq::Error::Io(error) => error.kind().to_string(),
        ureq::Error::Timeout(_) => "it took too long".to_owned(),
        ureq::Error::HostNotFound => "the name of the host is not known".to_owned(),
        ureq::Error::ConnectionFailed => "nobody answers at its address".to_owned(),
        ureq::Error::Rustls(error) => error.to_string(),
        ureq::Error::BadUri(_) => "HF_ENDPOINT is no URL of a hub".to_owned(),
        _ => "the answer is not valid HTTP".to_owned(),
    };
    HubError::Connection {
        file: file.to_string(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> HubFile {
        toml::from_str("repo = \"a/b\"\nfile = \"c\"").unwrap()
    }

    fn describe(headers: &[(&'static str, &'static str)]) -> Result<RemoteFile, HubError> {
        let pairs = headers.iter().map(|(name, value)| {
            let name: ureq::http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        read_description(&file(), &pairs.collect())
    }

    #[test]
    fn a_large_file_is_described_by_its_pointer() {
        let hash = "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91";
        let found = describe(&[
            ("x-repo-commit", "0123456789abcdef"),
            (
                "x-linked-etag",
                "\"5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91\"",
            ),
            ("etag", "\"0123456789\""),
            ("x-linked-size", "7"),
            ("content-length", "1300"),
        ]);
        let found = found.unwrap();
        assert_eq!((found.sha256(), found.size), (Some(hash), 7));
    }

    #[test]
    fn a_small_file_has_no_sha256_before_it_is_read() {
        let found = describe(&[
            ("x-repo-commit", "0123456789abcdef"),
            ("etag", "W/\"7e1b4cd2a8\""),
            ("content-length", "13"),
        ]);
        let found = found.unwrap();
        assert_eq!((found.sha256(), found.size), (None, 13));
        assert_eq!((found.git_hash(), &*found.blob), (None, "7e1b4cd2a8"));
    }

    #[test]
    fn names_that_are_no_hashes_are_refused() {
        for (commit, etag) in [
            ("../../up", "0123456789"),
            ("0123456789", "../../up"),
            ("", ""),
        ] {
            let headers = [
                ("x-repo-commit", commit),
                ("etag", etag),
                ("content-length", "1"),
            ];
            assert!(describe(&headers).is_err(), "{commit} {etag}");
        }
    }
}
