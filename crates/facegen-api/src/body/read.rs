//! The bytes of a body, within limits of size and time.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::BodyShare;
use crate::ApiError;

/// How long a body may take to arrive.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(60);

/// How much of a body that nobody wants is read and thrown away. Clients that
/// send everything before they read anything would otherwise see a broken
/// connection in place of the answer.
const DRAINED_BYTES: usize = 64 * 1024 * 1024;

/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// All bytes of `body`, at most `limit`; `share` holds the room for them.
///
/// # Errors
/// The body is too large, too slow, or breaks off, or there is no room for it.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    share: &mut BodyShare,
) -> Result<Vec<u8>, ApiError> {
    let announced = announced_length(headers);
    if announced.is_some_and(|length| length > limit) && asks_before_sending(headers) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let reading = timeout(BODY_TIME, collect(&mut body, limit, share)).await;
    let result = reading.unwrap_or(Err(ApiError::BodyTooSlow));
    if matches!(
        result,
        Err(ApiError::BodyTooLarge { .. } | ApiError::NoRoom)
    ) {
        // Whether all of it came makes no difference to the answer.
        let _ = timeout(DRAIN_TIME, drain(&mut body)).await;
    }
    result
}

/// Throws away the body of a request that is refused whatever it holds, so that
/// its client sees the answer.
pub(crate) async fn discard_request(request: Request) {
    let (parts, body) = request.into_parts();
    discard_body(&parts.headers, body).await;
}

/// The same for what is left of it.
async fn discard_body(headers: &HeaderMap, mut body: Body) {
    if !asks_before_sending(headers) {
        // Whether all of it came makes no difference to the answer.
        let _ = timeout(DRAIN_TIME, drain(&mut body)).await;
    }
}

async fn collect(
    body: &mut Body,
    limit: usize,
    share: &mut BodyShare,
) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(data) = next_data(body).await? {
        if data.len() > limit - bytes.len() {
            return Err(ApiError::BodyTooLarge { limit });
        }
        share.cover(bytes.len() + data.len()).await?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

async fn drain(body: &mut Body) -> Result<(), ApiError> {
    let mut drained = 0;
    while let Some(data) = next_data(body).await? {
        drained += data.len();
        if drained > DRAINED_BYTES {
            break;
        }
    }
    Ok(())
}

/// The next bytes; trailers are not looked at.
async fn next_data(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::BodyBroken)?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether the client waits for a go-ahead before it sends the body.
fn asks_before_sending(headers: &HeaderMap) -> bool {
    headers
        .get(EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use futures_util::stream;

    use super::*;
    use crate::body::BodyBudget;

    fn share() -> BodyShare {
        BodyBudget::new(0, 0).share()
    }

    async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
        read_body(headers, body, limit, &mut share()).await
    }

    fn chunks(count: usize) -> Body {
        let chunks = (0..count).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 100])));
        Body::from_stream(stream::iter(chunks.collect::<Vec<_>>()))
    }

    #[tokio::test]
    async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
        let none = HeaderMap::new();
        let bytes = read(&none, chunks(10), 1_000).await.unwrap();
        assert_eq!(bytes.len(), 1_000);
        let error = read(&none, chunks(10), 999).await.unwrap_err();
        assert!(matches!(error, ApiError::BodyTooLarge { limit: 999 }));
    }

    #[tokio::test]
    async fn what_is_too_large_is_drained() {
        let mut body = chunks(50);
        assert!(collect(&mut body, 100, &mut share()).await.is_err());
        drain(&mut body).await.unwrap();
        assert!(next_data(&mut body).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn who_asks_before_sending_is_answered_without_reading() {
        let mut headers = HeaderMap::new();
        headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("1000"));
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let error = read(&headers, never, 999).await.unwrap_err();
        assert!(matches!(error, ApiError::BodyTooLarge { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_too_slow() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let error = read(&HeaderMap::new(), never, 10).await.unwrap_err();
        assert!(matches!(error, ApiError::BodyTooSlow));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_an_error() {
        let broken = Err::<Bytes, _>(std::io::Error::other("reset"));
        let body = Body::from_stream(stream::iter([broken]));
        let error = read(&HeaderMap::new(), body, 10).await.unwrap_err();
        assert!(matches!(error, ApiError::BodyBroken));
    }
}
