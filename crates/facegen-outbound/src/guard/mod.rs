//! The only way to an address that a caller names.
//!
//! A server that opens URLs of its callers can be made to open its owner's: the
//! metadata of a cloud, a database without a password, a router. So a URL is
//! checked by its text, a name by every address that it resolves to, and the
//! client connects to exactly the addresses that were checked. It follows no
//! redirect by itself, uses no proxy, keeps no connection, no cookie and no
//! credentials, and decompresses nothing. Redirects are followed here, each
//! target checked like the first, and never from `https` to `http`.

pub mod address;
pub mod error;
mod exchange;
mod get;
pub mod resolver;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use facegen_core::UrlChecker;
use facegen_core::redact::SafeUrl;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, redirect, retry};
use url::Url;

pub use address::Networks;
pub use error::{GuardError, Refusal};
pub(crate) use exchange::{GuardedRequest, GuardedResponse};
pub use resolver::{NameResolver, SystemResolver};

use resolver::CheckedResolver;

/// How long establishing one connection may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many headers a response may have. The client limits them to 400 KB.
const MAX_HEADERS: usize = 4096;

/// An HTTP client for URLs that callers name. Clones share it.
#[derive(Debug, Clone)]
pub struct Guard {
    client: Client,
    networks: Arc<Networks>,
}

/// A receiver's response to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `retry-after` as it was sent.
    pub retry_after: Option<String>,
}

impl Guard {
    /// The header `User-Agent` where none is set.
    pub const USER_AGENT: &str = concat!("facegen/", env!("CARGO_PKG_VERSION"));

    /// Creates a guard that permits `networks` and uses the system's resolver.
    ///
    /// # Errors
    /// Fails when the machine has no root certificates.
    pub fn new(networks: Networks) -> Result<Self, GuardError> {
        Self::with_user_agent(networks, Self::USER_AGENT)
    }

    /// Creates the same with `user_agent` in the header of that name.
    ///
    /// # Errors
    /// Fails when there are no root certificates, or the text cannot be a header.
    pub fn with_user_agent(networks: Networks, user_agent: &str) -> Result<Self, GuardError> {
        Self::build(networks, Arc::new(SystemResolver), user_agent)
    }

    /// Creates a guard that permits `networks` and uses `resolver`.
    ///
    /// # Errors
    /// Fails when the machine has no root certificates.
    pub fn with_resolver(
        networks: Networks,
        resolver: Arc<dyn NameResolver>,
    ) -> Result<Self, GuardError> {
        Self::build(networks, resolver, Self::USER_AGENT)
    }

    fn build(
        networks: Networks,
        resolver: Arc<dyn NameResolver>,
        user_agent: &str,
    ) -> Result<Self, GuardError> {
        let networks = Arc::new(networks);
        let resolver = CheckedResolver {
            inner: resolver,
            networks: Arc::clone(&networks),
        };
        let client =
            client(resolver, user_agent).map_err(|error| GuardError::Client(error.to_string()))?;
        Ok(Self { client, networks })
    }

    /// Parses the URL and checks its text. A name passes that may still resolve
    /// to an address that is refused.
    ///
    /// # Errors
    /// Fails when it is refused.
    pub fn check_url(&self, url: &SafeUrl) -> Result<Url, GuardError> {
        target::check(url.expose(), &self.networks).map_err(GuardError::Refused)
    }

    /// Posts JSON once, with these headers, and returns the head of the
    /// response within `deadline`. Follows no redirect and reads nothing of the
    /// response's body.
    ///
    /// # Errors
    /// Fails when the URL is refused, or there is no response.
    pub async fn post_json(
        &self,
        url: &SafeUrl,
        headers: Vec<(&'static str, String)>,
        body: String,
        deadline: Duration,
    ) -> Result<Answer, GuardError> {
        let url = self.check_url(url)?;
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
}

impl UrlChecker for Guard {
    fn judge_text(&self, url: &SafeUrl) -> Result<(), String> {
        let refused = target::check(url.expose(), &self.networks).err();
        refused.and_then(Refusal::rule).map_or(Ok(()), Err)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the guarded client that the ban points to"
)]
fn client(resolver: CheckedResolver, user_agent: &str) -> reqwest::Result<Client> {
    Client::builder()
        .user_agent(user_agent)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        // A kept connection would bypass the check of the next request.
        .pool_max_idle_per_host(0)
        // Header errors that browsers accept: blanks before the colon, folded
        // lines, lines that are not headers, and many of them.
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MAX_HEADERS)
        .dns_resolver(Arc::new(resolver))
        .build()
}

/// Reads the body of a response. Its announced length may be wrong, so the
/// bytes are counted as they arrive.
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

/// Refuses a response whose announced length is too long.
fn check_length(response: &Response, max_bytes: usize) -> Result<(), GuardError> {
    let announced = response.content_length().unwrap_or(0);
    match usize::try_from(announced) {
        Ok(length) if length <= max_bytes => Ok(()),
        Ok(_) | Err(_) => Err(GuardError::TooLong { max_bytes }),
    }
}
