//! Requests of a protocol that is spoken elsewhere, such as that of buckets.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Guard, GuardError, Refusal, check_length, target};

/// One request as it is to be sent.
pub(crate) struct GuardedRequest {
    /// The method, e.g. `PUT`.
    pub(crate) method: String,
    /// Where to.
    pub(crate) url: String,
    /// The headers, without those of the connection.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, whole.
    pub(crate) body: Bytes,
}

/// The answer to an [`GuardedRequest`], whatever it says.
pub(crate) struct GuardedResponse {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, as it comes.
    pub(crate) body: reqwest::Body,
}

impl Guard {
    /// Sends a request and reads the head of the answer, which must not
    /// announce more than `max_bytes`. No redirect is followed. Who asks limits
    /// the time, and counts the bytes of the body as they come.
    ///
    /// # Errors
    /// The URL is refused, the host cannot be reached, or the answer is longer.
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
