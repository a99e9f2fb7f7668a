//! Reading of a body's bytes, within limits of size and time.

use std::mem;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::BodyPermit;
use super::budget::FREE_BYTES;
use super::minimum_rate::{MinimumRate, STALL_TIME};
use crate::ApiError;

/// How long a body may take to arrive.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(60);

/// How much of a refused body is read and discarded. Clients that send
/// everything before they read the response would otherwise see a broken
/// connection instead of it.
const DRAINED_BYTES: usize = 64 * 1024 * 1024;

/// How long discarding may take.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// A body that is being received.
pub(crate) struct BodyReader {
    body: Body,
    /// The largest body, in bytes.
    limit: usize,
    /// The bytes read so far.
    bytes: Vec<u8>,
    /// Bytes that have arrived and for which no memory is reserved yet.
    behind: Bytes,
    rate: MinimumRate,
    until: Instant,
}

impl BodyReader {
    /// Prepares to read at most `limit` bytes.
    ///
    /// # Errors
    /// Fails when the announced body is too large and its client expects a
    /// `100-continue` before it sends it.
    pub(crate) fn new(headers: &HeaderMap, body: Body, limit: usize) -> Result<Self, ApiError> {
        let announced = announced_length(headers);
        if announced.is_some_and(|length| length > limit) && asks_before_sending(headers) {
            return Err(ApiError::BodyTooLarge { limit });
        }
        Ok(Self {
            body,
            limit,
            bytes: Vec::new(),
            behind: Bytes::new(),
            rate: MinimumRate::new(),
            until: Instant::now() + BODY_TIME,
        })
    }

    /// Reads the part of the body that needs no reservation; returns it if more
    /// is to come, and nothing when the body is complete.
    ///
    /// # Errors
    /// Fails when the body is too large, too slow, or breaks off.
    pub(crate) async fn beginning(&mut self) -> Result<Option<&[u8]>, ApiError> {
        let read = timeout_at(self.until, self.read_beginning()).await;
        let read = read.unwrap_or(Err(ApiError::BodyTooSlow));
        self.drained_if_refused(read).await?;
        Ok((!self.behind.is_empty()).then_some(&self.bytes))
    }

    /// Reads the whole body and reserves memory for it in `share`.
    ///
    /// # Errors
    /// Fails when the body is too large, too slow, or breaks off, or no memory
    /// can be reserved.
    pub(crate) async fn all(mut self, share: &BodyPermit) -> Result<Vec<u8>, ApiError> {
        let read = share.unless_cut(self.until, self.read_rest(share)).await;
        match read {
            Ok(()) => share.arrived(),
            // Other bodies can have the memory while the rest is discarded.
            Err(_) => share.release(),
        }
        self.drained_if_refused(read).await?;
        Ok(self.bytes)
    }

    async fn read_beginning(&mut self) -> Result<(), ApiError> {
        while self.behind.is_empty() {
            let Some(mut data) = self.next().await? else {
                break;
            };
            let free = data.len().min(FREE_BYTES - self.bytes.len());
            self.bytes.extend_from_slice(&data.split_to(free));
            self.behind = data;
        }
        Ok(())
    }

    async fn read_rest(&mut self, share: &BodyPermit) -> Result<(), ApiError> {
        let mut data = mem::take(&mut self.behind);
        while !data.is_empty() {
            let asked = Instant::now();
            share.reserve(self.bytes.len() + data.len()).await?;
            self.rate.waited(asked.elapsed());
            self.bytes.extend_from_slice(&data);
            data = self.next().await?.unwrap_or_default();
        }
        Ok(())
    }

    /// Returns the next bytes, at least one, or `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let data = timeout(STALL_TIME, next_data(&mut self.body)).await;
            let Some(data) = data.map_err(|_| ApiError::BodyTooSlow)?? else {
                return Ok(None);
            };
            self.rate.came(data.len())?;
            if data.len() > self.limit - self.bytes.len() {
                return Err(ApiError::BodyTooLarge { limit: self.limit });
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    /// Discards the rest of a body that was refused while it arrived.
    async fn drained_if_refused(&mut self, read: Result<(), ApiError>) -> Result<(), ApiError> {
        if let Err(ApiError::BodyTooLarge { .. } | ApiError::NoRoom) = read {
            // Free what was read before the rest is drained.
            self.bytes = Vec::new();
            // The response is the same whether or not all of it arrives.
            let _ = timeout(DRAIN_TIME, drain(&mut self.body)).await;
        }
        read
    }
}

/// Discards the body of a request that is refused in any case, so that its
/// client reads the response.
pub(crate) async fn discard_request(request: Request) {
    let (parts, body) = request.into_parts();
    discard_body(&parts.headers, body).await;
}

/// Discards a body, unless the client still waits to send it.
async fn discard_body(headers: &HeaderMap, mut body: Body) {
    if !asks_before_sending(headers) {
        // The response is the same whether or not all of it arrives.
        let _ = timeout(DRAIN_TIME, drain(&mut body)).await;
    }
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

/// Returns the next bytes; trailers are skipped.
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

/// Returns whether the client sends `Expect: 100-continue`.
fn asks_before_sending(headers: &HeaderMap) -> bool {
    headers
        .get(EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::http::HeaderValue;
    use futures_util::{StreamExt as _, stream};

    use super::*;
    use crate::body::{BodyBudget, Holder};

    fn share() -> BodyPermit {
        Arc::new(BodyBudget::new(0, 0)).share(Holder::Unknown)
    }

    async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
        let mut reader = BodyReader::new(headers, body, limit)?;
        reader.beginning().await?;
        reader.all(&share()).await
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
        let mut reader = BodyReader::new(&HeaderMap::new(), chunks(50), 100).unwrap();
        assert!(reader.beginning().await.is_err());
        assert!(next_data(&mut reader.body).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn the_beginning_is_what_needs_no_reservation() {
        let mut reader = BodyReader::new(&HeaderMap::new(), chunks(1_000), 200_000).unwrap();
        let beginning = reader.beginning().await.unwrap();
        assert_eq!(beginning.map(<[u8]>::len), Some(FREE_BYTES));
        let budget = Arc::new(BodyBudget::new(0, 200_000));
        let share = budget.share(Holder::Unknown);
        assert_eq!(reader.all(&share).await.unwrap().len(), 100_000);
    }

    #[tokio::test]
    async fn a_client_that_expects_continue_is_answered_without_reading() {
        let mut headers = HeaderMap::new();
        headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("1000"));
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let error = read(&headers, never, 999).await.unwrap_err();
        assert!(matches!(error, ApiError::BodyTooLarge { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_body_holds_no_memory_while_its_rest_is_discarded() {
        const BODY: usize = 200_000;
        let budget = Arc::new(BodyBudget::new(0, BODY));
        let whole = Arc::clone(&budget);
        let first = tokio::spawn(async move {
            // It stalls, and goes on too late.
            let start = stream::iter([Ok::<_, std::io::Error>(vec![b' '; BODY / 2])]);
            let body = Body::from_stream(start.chain(stream::pending()));
            let mut reader = BodyReader::new(&HeaderMap::new(), body, BODY).unwrap();
            reader.beginning().await.unwrap();
            reader.all(&whole.share(Holder::Unknown)).await
        });
        tokio::task::yield_now().await;
        let mut second = BodyReader::new(&HeaderMap::new(), chunks(BODY / 100), BODY).unwrap();
        second.beginning().await.unwrap();
        let share = budget.share(Holder::Unknown);
        assert_eq!(second.all(&share).await.unwrap().len(), BODY);
        assert!(!first.is_finished());
        assert!(matches!(first.await.unwrap(), Err(ApiError::NoRoom)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_too_slow() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let error = read(&HeaderMap::new(), never, 10).await.unwrap_err();
        assert!(matches!(error, ApiError::BodyTooSlow));
    }

    /// Returns a body that repeatedly pauses and sends this many bytes.
    fn dripping(bytes: usize, pause: Duration) -> Body {
        let pieces = stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, std::io::Error>(vec![b' '; bytes]), ()))
        });
        Body::from_stream(pieces)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_or_drips_is_too_slow_long_before_its_time_is_over() {
        for (bytes, pause, seconds) in [(1_000_000, 6_000, 5), (1_000, 1_000, 11), (1, 4_900, 15)] {
            let begin = Instant::now();
            let body = dripping(bytes, Duration::from_millis(pause));
            let error = read(&HeaderMap::new(), body, 16_000_000).await.unwrap_err();
            assert!(matches!(error, ApiError::BodyTooSlow));
            assert!(begin.elapsed() <= Duration::from_secs(seconds), "{bytes}");
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_an_error() {
        let broken = Err::<Bytes, _>(std::io::Error::other("reset"));
        let body = Body::from_stream(stream::iter([broken]));
        let error = read(&HeaderMap::new(), body, 10).await.unwrap_err();
        assert!(matches!(error, ApiError::BodyBroken));
    }
}
