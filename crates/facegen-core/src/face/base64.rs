//! Base64 as clients send it: in either alphabet, with or without padding, with
//! line breaks, and percent-encoded within a data URI.

use std::iter;

use ::base64::Engine;
use ::base64::alphabet;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The standard alphabet, with or without padding.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why text is not base64 of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base64Error {
    /// There is nothing to decode.
    Empty,
    /// The file would be longer than allowed.
    TooLong,
    /// A character is in neither alphabet.
    Symbol,
    /// A cut-off group, or padding in the wrong place.
    Malformed,
}

/// Decodes `text` if it is in the standard alphabet without white space, and of
/// at most `max_bytes`. Nearly every client sends that, and it is ten times as
/// fast as [`decode`], which handles the rest.
pub(super) fn decode_plain(text: &str, max_bytes: usize) -> Option<Vec<u8>> {
    let most = text.len().div_ceil(4).saturating_mul(3);
    if text.is_empty() || most > max_bytes {
        return None;
    }
    ENGINE.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

/// Decodes `text` to at most `max_bytes`, which are counted before any memory
/// is allocated.
pub(super) fn decode(
    text: impl Iterator<Item = u8> + Clone,
    max_bytes: usize,
) -> Result<Vec<u8>, Base64Error> {
    let symbols = symbols(text);
    let mut count: usize = 0;
    for symbol in symbols.clone() {
        if !is_symbol(symbol) {
            return Err(Base64Error::Symbol);
        }
        count += usize::from(symbol != b'=');
        if count / 4 * 3 + (count % 4).saturating_sub(1) > max_bytes {
            return Err(Base64Error::TooLong);
        }
    }
    if count == 0 {
        return Err(Base64Error::Empty);
    }
    let symbols: Vec<u8> = symbols.collect();
    ENGINE.decode(symbols).map_err(|_| Base64Error::Malformed)
}

/// Removes white space from `text` and maps it to the standard alphabet.
fn symbols(text: impl Iterator<Item = u8> + Clone) -> impl Iterator<Item = u8> + Clone {
    text.filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
}

fn is_symbol(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Decodes percent-encoded bytes. A percent sign without two hexadecimal digits
/// stays, and is not base64.
pub(super) fn unescape(text: &str) -> impl Iterator<Item = u8> + Clone {
    let mut rest = text.bytes();
    iter::from_fn(move || {
        let byte = rest.next()?;
        let mut ahead = rest.clone();
        match (byte, hexadecimal(ahead.next()), hexadecimal(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                rest = ahead;
                Some(high << 4 | low)
            }
            _ => Some(byte),
        }
    })
}

fn hexadecimal(digit: Option<u8>) -> Option<u8> {
    let digit = char::from(digit?).to_digit(16)?;
    u8::try_from(digit).ok()
}
