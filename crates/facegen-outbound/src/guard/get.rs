//! Fetches the content of a URL, through redirects and one temporary failure,
//! from hosts that speak HTTP as loosely as browsers accept.

use std::fmt::Write as _;
use std::time::Duration;

use facegen_core::redact::SafeUrl;
use reqwest::Response;
use reqwest::header::{CONTENT_RANGE, HeaderMap, LOCATION};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::{Guard, GuardError, Refusal, read_body, target};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// The pause before the second attempt.
const PAUSE: Duration = Duration::from_millis(300);

impl Guard {
    /// Fetches the body of the response to a GET, at most `max_bytes`, all of it within
    /// `deadline`. A host that is overloaded or breaks the connection is asked once more.
    ///
    /// # Errors
    /// Fails when the URL or one that it redirects to is refused, the host is
    /// unreachable, its final response holds no complete body, or a limit is exceeded.
    pub async fn get(
        &self,
        url: &SafeUrl,
        max_bytes: usize,
        deadline: Duration,
    ) -> Result<Vec<u8>, GuardError> {
        let end = Instant::now() + deadline;
        let late = Err(GuardError::TimedOut(deadline));
        let first = timeout_at(end, self.fetch(url, max_bytes)).await;
        let first = first.unwrap_or(late);
        if !first.as_ref().is_err_and(GuardError::may_pass) {
            return first;
        }
        let second = async {
            sleep(PAUSE).await;
            self.fetch(url, max_bytes).await
        };
        // The first failure says more than that the time was too short for a second attempt.
        timeout_at(end, second).await.unwrap_or(first)
    }

    async fn fetch(&self, url: &SafeUrl, max_bytes: usize) -> Result<Vec<u8>, GuardError> {
        let response = self.follow(url).await?;
        check_answer(&response)?;
        read_body(response, max_bytes).await
    }

    /// Returns the first response that is not a redirect.
    async fn follow(&self, url: &SafeUrl) -> Result<Response, GuardError> {
        let mut url = self.check_url(url)?;
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

    pub(super) fn next_target(&self, from: &Url, location: &str) -> Result<Url, Refusal> {
        let url = from.join(location).map_err(Refusal::Syntax)?;
        let url = target::check_url(url, &self.networks)?;
        if from.scheme() == "https" && url.scheme() == "http" {
            return Err(Refusal::Downgrade);
        }
        Ok(url)
    }
}

/// Returns the target of a redirect; `None` for every other response. Blanks
/// are left to the URL parser. The encoding of other bytes is undefined, so
/// each is escaped as it is, as browsers do.
fn location(response: &Response) -> Option<String> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    let mut text = String::new();
    for byte in location.as_bytes() {
        if byte.is_ascii() {
            text.push(char::from(*byte));
        } else {
            // Writing to a `String` never fails.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    (!text.trim().is_empty()).then_some(text)
}

/// Checks that the response holds the complete content.
fn check_answer(response: &Response) -> Result<(), GuardError> {
    match response.status().as_u16() {
        206 if is_part(response.headers()) => Err(GuardError::Part),
        status @ (204 | 205) => Err(GuardError::Status(status)),
        200..=299 => Ok(()),
        status => Err(GuardError::Status(status)),
    }
}

/// Returns whether a response to a request without a range is only a part.
fn is_part(headers: &HeaderMap) -> bool {
    let range = headers
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    let numbers = range.and_then(|range| {
        let (first, rest) = range.trim().strip_prefix("bytes")?.split_once('-')?;
        let (last, total) = rest.split_once('/')?;
        let number = |text: &str| text.trim().parse::<u64>().ok();
        Some((number(first)?, number(last)?, number(total)))
    });
    numbers.is_some_and(|(first, last, total)| {
        first > 0 || total.is_some_and(|total| last.checked_add(1) != Some(total))
    })
}
