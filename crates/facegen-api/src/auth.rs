//! Authentication of requests by API key.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use facegen_core::Key;
use facegen_core::redact::Secret;
use facegen_jobs::JobService;
use tracing::Span;

use crate::ApiError;

/// The longest accepted key, so that no caller has megabytes hashed.
const MAX_KEY_BYTES: usize = 1024;

/// Returns the key that a request was sent with.
///
/// # Errors
/// Fails when the key is unknown or revoked, or the store cannot be read.
pub(crate) async fn authenticate(
    jobs: &JobService,
    sent: &Secret<String>,
) -> Result<Key, ApiError> {
    let text = sent.expose().trim();
    if text.len() > MAX_KEY_BYTES {
        return Err(ApiError::Unauthorized);
    }
    let key = jobs.authenticate(&Secret::new(text.to_owned())).await?;
    let key = key.ok_or(ApiError::Unauthorized)?;
    Span::current().record("key", key.id.get());
    Ok(key)
}

/// Returns the key in the header `key`, else in `Authorization: Bearer`.
pub(crate) fn sent_in_headers(headers: &HeaderMap) -> Option<Secret<String>> {
    header_key(headers).or_else(|| bearer_key(headers))
}

fn header_key(headers: &HeaderMap) -> Option<Secret<String>> {
    let text = headers.get("key")?.to_str().ok()?;
    (!text.trim().is_empty()).then(|| Secret::new(text.to_owned()))
}

fn bearer_key(headers: &HeaderMap) -> Option<Secret<String>> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = text.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Secret::new(key.to_owned()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn keys_are_found_in_headers() {
        for (name, value, key) in [
            ("key", "a key", Some("a key")),
            ("key", " ", None),
            ("authorization", "Bearer abc", Some("abc")),
            ("authorization", "bearer abc", Some("abc")),
            ("authorization", "Basic abc", None),
            ("authorization", "abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            let found = sent_in_headers(&headers).map(|key| key.expose().clone());
            assert_eq!(found.as_deref(), key, "{name}: {value}");
        }
    }
}
