//! HTTP client of the hub: a file's metadata, and its bytes from an offset on.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facegen_core::preset::HubFile;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};

use crate::connection::connection_error;
use crate::description::{FileMetadata, RemoteFile, header, is_packed};
use crate::names::{self, Names};
use crate::origin::{next_url, origin, same_origin, shown};
use crate::{HubAccess, HubError};

/// Renamed repositories, mirrors and file stores redirect, one to the next.
const MAX_REDIRECTS: u32 = 10;

/// The longest wait for an answer, and for the next bytes of one.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest wait for a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// The longest file whose bytes are counted where no header has its size: what
/// mirrors compress on the fly are config files.
const MOST_COUNTED: u64 = 32 << 20;

/// A client of one hub.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    access: HubAccess,
    /// The origins that have answered: a failure there can be transient.
    reached: Mutex<BTreeSet<String>>,
}

/// What a request asks about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Its metadata.
    Head,
    /// Its first byte: the answer's `Content-Range` has the size.
    FirstByte,
    /// Its bytes from this offset on.
    From(u64),
}

impl Question {
    fn range(self) -> Option<String> {
        match self {
            Self::Head | Self::From(0) => None,
            Self::FirstByte => Some("bytes=0-0".to_owned()),
            Self::From(offset) => Some(format!("bytes={offset}-")),
        }
    }
}

/// An answer with the URL that gave it.
struct Answered {
    url: String,
    answer: Response<Body>,
}

impl Answered {
    fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }

    /// Returns the error for an answer that cannot be used.
    fn unusable(&self, file: &HubFile, reason: impl Into<String>) -> HubError {
        HubError::Answer {
            file: file.to_string(),
            url: shown(&self.url),
            reason: reason.into(),
        }
    }
}

/// Bytes of a file.
pub(super) struct Bytes {
    /// Their offset in the file.
    pub(super) offset: u64,
    pub(super) reader: Box<dyn Read>,
    /// The URL they come from, as messages show it.
    pub(super) url: String,
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
            // Redirects are followed here: the token is for the hub, not for the
            // store that it redirects to, nor for another port of the same host.
            .max_redirects(0)
            .timeout_resolve(Some(names::TIMEOUT))
            .timeout_connect(Some(CONNECT_PATIENCE))
            .timeout_recv_response(Some(TIMEOUT))
            .timeout_per_read(Some(TIMEOUT))
            .user_agent(concat!("facegen/", env!("CARGO_PKG_VERSION")))
            // A compressed answer has another length and another etag.
            .accept_encoding("identity")
            .build();
        Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), Names::default()),
            access: access.clone(),
            reached: Mutex::default(),
        }
    }

    /// Returns a file's metadata. A large file is described by the redirect to
    /// its store, so redirects are followed only while something is missing. A
    /// host that refuses HEAD, or does not know the size, is asked for the first
    /// byte. `expected` is the preset's sha256.
    pub(super) fn describe(
        &self,
        file: &HubFile,
        expected: Option<&str>,
    ) -> Result<RemoteFile, HubError> {
        let (mut metadata, mut answered) = self.ask_metadata(file, Question::Head)?;
        let is_refused = refuses_head(answered.status());
        if is_refused || answered.status() < 300 && !metadata.is_whole() {
            (metadata, answered) = self.ask_metadata(file, Question::FirstByte)?;
        }
        let is_empty = answered.status() == 416 && metadata.size == Some(0);
        let leads_on = redirects(&answered.answer);
        if !is_empty && !leads_on {
            self.check_status(file, file.revision(), &answered)?;
        }
        if metadata.size.is_none() {
            metadata.size = count(file, &mut answered)?;
        }
        let described = metadata.remote_file(file.revision(), expected);
        described.map_err(|reason| answered.unusable(file, reason))
    }

    /// Collects metadata along the redirects, up to the answer after which
    /// nothing is missing, else to the last one.
    fn ask_metadata(
        &self,
        file: &HubFile,
        question: Question,
    ) -> Result<(FileMetadata, Answered), HubError> {
        let mut metadata = FileMetadata::default();
        let answered = self.follow(file, file.revision(), question, |answer| {
            metadata.read_redirect(answer.headers())
        })?;
        if matches!(answered.status(), 200..=299 | 416) {
            metadata.read_answer(&answered.answer);
        }
        Ok((metadata, answered))
    }

    /// Returns the bytes of a file from `offset` on; from the beginning where
    /// the hub does not support ranges.
    pub(super) fn read_from(
        &self,
        file: &HubFile,
        commit: &str,
        offset: u64,
    ) -> Result<Bytes, HubError> {
        let answered = self.follow(file, commit, Question::From(offset), |_| false)?;
        self.check_status(file, commit, &answered)?;
        if is_packed(answered.answer.headers()) {
            return Err(answered.unusable(file, "it is packed, which was not asked for"));
        }
        Ok(Bytes {
            offset: begin(file, &answered)?,
            url: shown(&answered.url),
            reader: Box::new(answered.answer.into_body().into_reader()),
        })
    }

    /// Returns the first answer that is no redirect, or is enough.
    fn follow(
        &self,
        file: &HubFile,
        revision: &str,
        question: Question,
        mut is_enough: impl FnMut(&Response<Body>) -> bool,
    ) -> Result<Answered, HubError> {
        let mut url = self.url(file, revision);
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.ask(file, &url, question)?;
            let leads_on = redirects(&answer) && !is_enough(&answer);
            let answered = Answered { url, answer };
            if !leads_on {
                return Ok(answered);
            }
            url = next(file, &answered)?;
        }
        Err(HubError::Answer {
            file: file.to_string(),
            url: shown(&url),
            reason: format!("it is the {MAX_REDIRECTS}th redirect, it may lead in a circle"),
        })
    }

    fn ask(
        &self,
        file: &HubFile,
        url: &str,
        question: Question,
    ) -> Result<Response<Body>, HubError> {
        let mut request = match question {
            Question::Head => self.agent.head(url),
            Question::FirstByte | Question::From(_) => self.agent.get(url),
        };
        if let Some(token) = self.authorization(url) {
            request = request.header("Authorization", token);
        }
        if let Some(range) = question.range() {
            request = request.header("Range", range);
        }
        let answer = request.call().map_err(|error| {
            let reached = self.reached().contains(&origin(url));
            connection_error(file, url, &error, reached)
        })?;
        self.reached().insert(origin(url));
        Ok(answer)
    }

    fn reached(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, file: &HubFile, revision: &str) -> String {
        let endpoint = self.access.endpoint.trim_end_matches('/');
        let (repo, name) = (file.repo(), file.file());
        // One segment of the path: with a slash, `refs/pr/1` would run into the file's name.
        let revision = revision.replace('/', "%2F");
        format!("{endpoint}/{repo}/resolve/{revision}/{name}")
    }

    /// Returns the token's header for a request to `url`, if that is the hub's.
    fn authorization(&self, url: &str) -> Option<String> {
        let token = self.access.token.as_ref().filter(|_| self.is_hub(url))?;
        Some(format!("Bearer {}", token.expose()))
    }

    fn is_hub(&self, url: &str) -> bool {
        same_origin(url, &self.access.endpoint)
    }

    fn check_status(
        &self,
        file: &HubFile,
        revision: &str,
        answered: &Answered,
    ) -> Result<(), HubError> {
        let (file, url) = (file.to_string(), shown(&answered.url));
        match answered.status() {
            200..=299 => Ok(()),
            status @ (401 | 403) if self.is_hub(&answered.url) => {
                Err(HubError::Denied { file, url, status })
            }
            404 => Err(HubError::NotFound {
                file,
                url,
                revision: revision.to_owned(),
            }),
            status => Err(HubError::Status { file, url, status }),
        }
    }
}

/// Whether a status can mean that only HEAD is refused. A store that signed its
/// URL for GET answers HEAD with 403.
fn refuses_head(status: u16) -> bool {
    status >= 400 && !matches!(status, 401 | 408 | 429 | 502..=504)
}

/// Whether an answer is a redirect.
fn redirects(answer: &Response<Body>) -> bool {
    matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Returns the URL that an answer redirects to.
fn next(file: &HubFile, answered: &Answered) -> Result<String, HubError> {
    let status = answered.status();
    let Some(location) = answered.answer.headers().get("location") else {
        return Err(answered.unusable(file, format!("it answers {status} without a location")));
    };
    let next = next_url(&answered.url, location.as_bytes());
    next.map_err(|reason| answered.unusable(file, format!("it answers {status} and {reason}")))
}

/// Returns the offset in the file of an answer's first byte.
fn begin(file: &HubFile, answered: &Answered) -> Result<u64, HubError> {
    if answered.status() != 206 {
        return Ok(0);
    }
    let range = header(answered.answer.headers(), "content-range");
    let first = range.and_then(|range| {
        let range = range.trim().strip_prefix("bytes")?;
        range.split('-').next()?.trim().parse().ok()
    });
    first.ok_or_else(|| answered.unusable(file, "it does not say which bytes it holds"))
}

/// Counts the bytes of an answer without a size; `None` where they exceed
/// [`MOST_COUNTED`], or are not those of the file.
fn count(file: &HubFile, answered: &mut Answered) -> Result<Option<u64>, HubError> {
    if answered.status() != 200 || is_packed(answered.answer.headers()) {
        return Ok(None);
    }
    let mut body = answered
        .answer
        .body_mut()
        .as_reader()
        .take(MOST_COUNTED + 1);
    match io::copy(&mut body, &mut io::sink()) {
        Ok(count) if count <= MOST_COUNTED => Ok(Some(count)),
        Ok(_) => Ok(None),
        Err(error) => Err(HubError::Connection {
            file: file.to_string(),
            url: shown(&answered.url),
            reason: error.to_string(),
            may_pass: true,
        }),
    }
}
