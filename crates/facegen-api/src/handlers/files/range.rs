//! The part of a file that a client requests.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::RANGE;
use http_range_header::{
    EndPosition, StartPosition, SyntacticallyCorrectRange, parse_range_header,
};

use super::conditions::is_same_file;
use crate::ApiError;

/// A part of a file, at least one byte long. It is displayed as in
/// `Content-Range`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The first byte, from 0.
    pub(super) start: u64,
    /// The byte after the last one.
    pub(super) end: u64,
    /// The length of the file.
    file: u64,
}

impl Part {
    /// Returns the part of a file of `length` bytes that the headers request;
    /// `None` for the whole file. A header that cannot be read counts as
    /// absent, and so does one with several ranges.
    ///
    /// # Errors
    /// Fails when the file has none of the bytes.
    pub(super) fn requested(
        headers: &HeaderMap,
        tag: &str,
        length: u64,
    ) -> Result<Option<Self>, ApiError> {
        let header = headers.get(RANGE).filter(|_| is_same_file(headers, tag));
        let text = header.and_then(|header| header.to_str().ok());
        let Some(range) = text.and_then(single) else {
            return Ok(None);
        };
        let part = Self::of(range, length);
        part.map(Some)
            .ok_or(ApiError::RangeNotSatisfiable { length })
    }

    fn of(range: SyntacticallyCorrectRange, file: u64) -> Option<Self> {
        let start = match range.start {
            StartPosition::Index(index) => index,
            StartPosition::FromLast(bytes) => file.saturating_sub(bytes),
        };
        let end = match range.end {
            EndPosition::Index(last) => file.min(last.saturating_add(1)),
            EndPosition::LastByte => file,
        };
        (start < end).then_some(Self { start, end, file })
    }

    /// Returns how many bytes the part has.
    pub(super) fn length(&self) -> u64 {
        self.end - self.start
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, file } = self;
        write!(formatter, "bytes {start}-{}/{file}", end - 1)
    }
}

/// Returns the only range of the header.
fn single(text: &str) -> Option<SyntacticallyCorrectRange> {
    match parse_range_header(text).ok()?.ranges[..] {
        [range] => Some(range),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::IF_RANGE;

    use super::*;

    const TAG: &str = "\"a\"";

    fn requested(text: &'static str, length: u64) -> Result<Option<String>, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static(text));
        let part = Part::requested(&headers, TAG, length)?;
        Ok(part.map(|part| {
            assert!(part.length() > 0 && part.end <= length);
            part.to_string()
        }))
    }

    #[test]
    fn one_range_is_a_part() {
        for (text, part) in [
            ("bytes=0-0", "bytes 0-0/10"),
            ("bytes=0-9", "bytes 0-9/10"),
            ("bytes=2-5", "bytes 2-5/10"),
            ("bytes=9-", "bytes 9-9/10"),
            ("bytes=0-", "bytes 0-9/10"),
            ("bytes=5-99", "bytes 5-9/10"),
            ("bytes=5-18446744073709551615", "bytes 5-9/10"),
            ("bytes=-1", "bytes 9-9/10"),
            ("bytes=-10", "bytes 0-9/10"),
            ("bytes=-99", "bytes 0-9/10"),
        ] {
            assert_eq!(requested(text, 10).unwrap().unwrap(), part, "{text}");
        }
    }

    #[test]
    fn a_range_outside_of_the_file_is_refused() {
        for (text, length) in [
            ("bytes=10-", 10),
            ("bytes=10-20", 10),
            ("bytes=18446744073709551615-", 10),
            ("bytes=5-4", 10),
            ("bytes=0-", 0),
            ("bytes=-1", 0),
        ] {
            let refused = requested(text, length).unwrap_err();
            let is_named = |error: &ApiError| matches!(error, ApiError::RangeNotSatisfiable { length: named } if *named == length);
            assert!(is_named(&refused), "{text}");
        }
    }

    #[test]
    fn other_headers_mean_the_whole_file() {
        for text in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=+1-2",
            "bytes=--1",
            "bytes=18446744073709551616-",
            "items=0-1",
            "bytes=0-1,3-4",
            "bytes=0-1, 99-100",
        ] {
            assert_eq!(requested(text, 10).unwrap(), None, "{text}");
        }
        let none = Part::requested(&HeaderMap::new(), TAG, 10);
        assert_eq!(none.unwrap(), None);
    }

    #[test]
    fn a_range_of_another_file_means_the_whole_file() {
        for (tag, is_part) in [("\"a\"", true), ("\"b\"", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static("bytes=0-1"));
            headers.insert(IF_RANGE, HeaderValue::from_static(tag));
            let part = Part::requested(&headers, TAG, 10).unwrap();
            assert_eq!(part.is_some(), is_part, "{tag}");
        }
    }
}
