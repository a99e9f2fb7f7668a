//! The only way to an address that a caller names.
//!
//! A server that opens other people's URLs can be made to open its owner's:
//! the metadata of a cloud, a database without a password, a router. So a URL
//! is judged by its text, a name by every address that it resolves to, and the
//! client connects to exactly the addresses that were judged. It follows no
//! redirect by itself, knows no proxy, keeps no connection, no cookie and no
//! credentials, and unpacks nothing. Redirects are followed here, each target
//! judged like the first, and never from `https` to `http`.
//!
//! | chapter | holds |
//! |---|---|
//! | [`address`] | [`Networks`], which addresses may be reached |
//! | `target` | which URLs may be opened |
//! | [`resolver`] | [`NameResolver`], and the check of what it finds |
//! | `exchange` | requests of a protocol that is spoken elsewhere |
//! | [`error`] | [`GuardError`] and [`Refusal`] |

pub mod address;
pub mod error;
mod exchange;
pub mod resolver;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use facegen_core::redact::SafeUrl;
use reqwest::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, redirect, retry};
use url::Url;

pub use address::Networks;
pub use error::{GuardError, Refusal};
pub(crate) use exchange::{Exchange, Reply};
pub use resolver::{NameResolver, SystemResolver};

use resolver::CheckedResolver;

/// How often a URL may lead on to another.
const MAX_REDIRECTS: usize = 5;
/// How long one connection may take to come about, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How the client names itself.
const USER_AGENT: &str = concat!("facegen/", env!("CARGO_PKG_VERSION"));

/// An HTTP client for URLs that callers name. Clones share it.
#[derive(Debug, Clone)]
pub struct Guard {
    client: Client,
    networks: Arc<Networks>,
}

/// What a receiver says about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `retry-after` as it was sent.
    pub retry_after: Option<String>,
}

impl Guard {
    /// A guard that lets through to `networks` and asks the machine for names.
    ///
    /// # Errors
    /// The machine has no root certificates.
    pub fn new(networks: Networks) -> Result<Self, GuardError> {
        Self::with_resolver(networks, Arc::new(SystemResolver))
    }

    /// A guard that lets through to `networks` and asks `resolver` for names.
    ///
    /// # Errors
    /// The machine has no root certificates.
    pub fn with_resolver(
        networks: Networks,
        resolver: Arc<dyn NameResolver>,
    ) -> Result<Self, GuardError> {
        let networks = Arc::new(networks);
        let resolver = CheckedResolver {
            inner: resolver,
            networks: Arc::clone(&networks),
        };
        let client = client(resolver).map_err(|error| GuardError::Client(error.to_string()))?;
        Ok(Self { client, networks })
    }

    /// The URL, if its text permits to open it. A name passes that may still
    /// resolve to an address that is refused.
    ///
    /// # Errors
    /// It is refused.
    pub fn judge(&self, url: &SafeUrl) -> Result<Url, GuardError> {
        target::check(url.expose(), &self.networks).map_err(GuardError::Refused)
    }

    /// The body of the answer to a GET, at most `max_bytes`, all of it within
    /// `deadline`.
    ///
    /// # Errors
    /// The URL or one that it leads to is refused, the host cannot be reached,
    /// the final status is not 200, or a limit is passed.
    pub async fn get(
        &self,
        url: &SafeUrl,
        max_bytes: usize,
        deadline: Duration,
    ) -> Result<Vec<u8>, GuardError> {
        let fetch = async { read(self.follow(url).await?, max_bytes).await };
        tokio::time::timeout(deadline, fetch)
            .await
            .unwrap_or(Err(GuardError::TimedOut(deadline)))
    }

    /// Posts JSON once, with these headers, and gives the answer's head within
    /// `deadline`. No redirect is followed and nothing of the answer's body is
    /// read.
    ///
    /// # Errors
    /// The URL is refused, or there is no answer.
    pub async fn post_json(
        &self,
        url: &SafeUrl,
        headers: Vec<(&'static str, String)>,
        body: String,
        deadline: Duration,
    ) -> Result<Answer, GuardError> {
        let url = self.judge(url)?;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let request = headers.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        let response = tokio::time::timeout(deadline, request.send())
            .await
            .map_err(|_| GuardError::TimedOut(deadline))??;
        let retry_after = response.headers().get(RETRY_AFTER);
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: retry_after.and_then(|value| Some(value.to_str().ok()?.to_owned())),
        })
    }

    /// The first answer that is no redirect.
    async fn follow(&self, url: &SafeUrl) -> Result<Response, GuardError> {
        let mut url = self.judge(url)?;
        let mut response = self.client.get(url.clone()).send().await?;
        for _ in 0..MAX_REDIRECTS {
            let Some(location) = location(&response) else {
                return Ok(response);
            };
            url = self
                .next_target(&url, &location)
                .map_err(GuardError::RedirectRefused)?;
            let sent = self.client.get(url.clone()).send().await;
            response = sent.map_err(|error| GuardError::from(error).at_redirect())?;
        }
        match location(&response) {
            None => Ok(response),
            Some(_) => Err(GuardError::TooManyRedirects(MAX_REDIRECTS)),
        }
    }

    fn next_target(&self, from: &Url, location: &str) -> Result<Url, Refusal> {
        let url = from.join(location).map_err(|_| Refusal::NotAUrl)?;
        let url = target::check_url(url, &self.networks)?;
        if from.scheme() == "https" && url.scheme() == "http" {
            return Err(Refusal::Downgrade);
        }
        Ok(url)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the guarded client that the ban points to"
)]
fn client(resolver: CheckedResolver) -> reqwest::Result<Client> {
    Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        // A kept connection would pass by the check of the next request.
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(resolver))
        .build()
}

/// Where a redirect leads; `None` for every other answer.
fn location(response: &Response) -> Option<String> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// The body of an answer that must be 200.
async fn read(response: Response, max_bytes: usize) -> Result<Vec<u8>, GuardError> {
    match response.status().as_u16() {
        200 => read_body(response, max_bytes).await,
        status => Err(GuardError::Status(status)),
    }
}

/// The body of an answer. What the header says of its length may be a lie, so
/// the bytes are counted as they come.
async fn read_body(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, GuardError> {
    let too_long = GuardError::TooLong { max_bytes };
    check_length(&response, max_bytes)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > max_bytes - body.len() {
            return Err(too_long);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Refuses an answer whose header says that it is longer.
fn check_length(response: &Response, max_bytes: usize) -> Result<(), GuardError> {
    let announced = response.content_length().unwrap_or(0);
    match usize::try_from(announced) {
        Ok(length) if length <= max_bytes => Ok(()),
        Ok(_) | Err(_) => Err(GuardError::TooLong { max_bytes }),
    }
}
