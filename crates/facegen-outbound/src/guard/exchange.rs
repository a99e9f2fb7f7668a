//! Requests of other protocols over HTTP, such as that of buckets.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Guard, GuardError, Refusal, check_length, target};

/// One request as it is to be sent.
pub(crate) struct GuardedRequest {
    /// The method, e.g. `PUT`.
    pub(crate) method: String,
    /// The URL.
    pub(crate) url: String,
    /// The headers, without those of the connection.
    pub(crate) headers: Vec<(String, String)>,
    /// The complete body.
    pub(crate) body: Bytes,
}

/// The response to a [`GuardedRequest`], whatever its status.
pub(crate) struct GuardedResponse {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, as a stream.
    pub(crate) body: reqwest::Body,
}

impl Guard {
    /// Sends a request and reads the head of the response, which must not announce more
    /// than `max_bytes`. Follows no redirect. The caller limits the time, and counts the
    /// bytes of the body.
    ///
    /// # Errors
    /// Fails when the URL is refused, the host is unreachable, or the response too long.
    pub(crate) async fn exchange(
        &self,
        exchange: GuardedRequest,
        max_bytes: usize,
    ) -> Result<GuardedResponse, GuardError> {
        let url = target::check(&exchange.url, &self.networks).map_err(GuardError::Refused)?;
        let unusable = || GuardError::Refused(Refusal::NotAUrl);
        let method = Method::from_bytes(exchange.method.as_bytes()).map_err(|_| unusable())?;
        let mut headers = HeaderMap::new();
        for (name, value) in &exchange.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
            let value = HeaderValue::from_str(value).map_err(|_| unusable())?;
            headers.append(name, value);
        }
        let request = self.client.request(method, url).headers(headers);
        let response = request.body(exchange.body).send().await?;
        check_length(&response, max_bytes)?;
        Ok(GuardedResponse {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.into(),
        })
    }
}
