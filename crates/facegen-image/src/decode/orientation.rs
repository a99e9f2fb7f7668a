//! The orientation of a photo, from its EXIF data.

use exif::{In, Reader, Tag, Value};
use image::metadata::Orientation;

/// The prefix of EXIF data in a JPEG segment, and in some files of other
/// formats.
const PREFIX: &[u8] = b"Exif\0\0";
/// The longest data that are read: a JPEG segment holds no more.
const MAX_BYTES: usize = 1 << 16;

/// Reads the orientation in EXIF data, a number of 16 bits or, as some programs
/// write it, 32, in either byte order. Without one the image is not turned.
pub(super) fn of_exif(mut data: &[u8]) -> Orientation {
    while let Some(rest) = data.strip_prefix(PREFIX) {
        data = rest;
    }
    let data = data.get(..MAX_BYTES).unwrap_or(data);
    let parsed = Reader::new()
        .continue_on_error(true)
        .read_raw(data.to_vec())
        .or_else(|error| error.distill_partial_result(|_| ()));
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an orientation is a whole number of one of two sizes"
    )]
    let number =
        parsed.ok().and_then(
            |exif| match &exif.get_field(Tag::Orientation, In::PRIMARY)?.value {
                Value::Short(numbers) => numbers.first().copied().map(u32::from),
                Value::Long(numbers) => numbers.first().copied(),
                _ => None,
            },
        );
    number
        .and_then(|number| Orientation::from_exif(u8::try_from(number).ok()?))
        .unwrap_or(Orientation::NoTransforms)
}

/// Decodes the EXIF data in a text of a PNG, as ImageMagick writes them: a
/// name, a length, and the bytes in hexadecimal digits.
pub(super) fn raw_profile(text: &str) -> Option<Vec<u8>> {
    let mut words = text.split_ascii_whitespace().skip(1);
    let length: usize = words.next()?.parse().ok()?;
    let digits: Vec<u8> = words.flat_map(str::bytes).take(2 * MAX_BYTES).collect();
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = digits.as_chunks::<2>().0.iter().take(length);
    pairs
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns EXIF data with one entry: the orientation as a number of so many
    /// bytes.
    fn data(orientation: u32, size: usize, is_big_endian: bool) -> Vec<u8> {
        let number = |number: u32, size: usize| {
            let bytes = number.to_be_bytes();
            let mut bytes = bytes[4 - size..].to_vec();
            if !is_big_endian {
                bytes.reverse();
            }
            bytes
        };
        let kind = [0, 1, 3, 0, 4][size];
        let mut data = if is_big_endian { b"MM" } else { b"II" }.to_vec();
        for (value, size) in [(42, 2), (8, 4), (1, 2), (0x112, 2), (kind, 2), (1, 4)] {
            data.extend(number(value, size));
        }
        data.extend(number(orientation, size));
        data.resize(22 + 4, 0);
        data
    }

    #[test]
    fn every_orientation_is_read_of_every_size_in_either_order() {
        for orientation in 1..=8 {
            for size in [2, 4] {
                for is_big_endian in [false, true] {
                    let data = data(orientation, size, is_big_endian);
                    let expected = Orientation::from_exif(orientation as u8).unwrap();
                    let name = format!("{orientation}, {size} bytes, {is_big_endian}");
                    assert_eq!(of_exif(&data), expected, "{name}");
                    let prefixed = [PREFIX, PREFIX, &data].concat();
                    assert_eq!(of_exif(&prefixed), expected, "{name}");
                }
            }
        }
        for wrong in [0, 9, 70_000] {
            assert_eq!(of_exif(&data(wrong, 4, true)), Orientation::NoTransforms);
        }
        // Viewers ignore an orientation of one byte.
        assert_eq!(of_exif(&data(6, 1, true)), Orientation::NoTransforms);
    }

    #[test]
    fn a_text_holds_the_bytes_in_digits() {
        let text = "\nexif\n      4\n4d4D\n002a\n";
        assert_eq!(raw_profile(text).unwrap(), b"MM\0\x2a");
        for broken in ["", "exif", "exif x 00", "exif 1 0g"] {
            assert_eq!(raw_profile(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn no_data_break_the_reader(
            mut bytes in prop::collection::vec(any::<u8>(), 0..300),
            is_headed in any::<bool>(),
        ) {
            if is_headed {
                let head = data(6, 2, false);
                let length = bytes.len().min(10);
                bytes[..length].copy_from_slice(&head[..length]);
            }
            of_exif(&bytes);
        }
    }
}
