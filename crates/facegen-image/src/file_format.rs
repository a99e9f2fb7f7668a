//! The formats in which generated images are written, each with the same
//! metadata.

use image::codecs::jpeg::JpegEncoder;

use crate::xmp::packet;
use crate::{Provenance, RgbImage, encode_generated};

/// The quality of JPEG files, of 100: differences are hard to see.
const JPEG_QUALITY: u8 = 95;

/// The beginning of the segment of a JPEG file that holds XMP.
const JPEG_XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// The format of an image file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// PNG.
    Png,
    /// JPEG, which loses a little of the image.
    Jpeg,
    /// Lossless WebP.
    WebP,
}

/// Why an image could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The encoder of PNG failed.
    #[error("the PNG encoder failed: {0}")]
    Png(#[from] png::EncodingError),
    /// The encoder of JPEG failed.
    #[error("the JPEG encoder failed: {0}")]
    Jpeg(#[from] image::ImageError),
    /// The encoder of WebP failed.
    #[error("the WebP encoder failed: {0}")]
    WebP(#[from] image_webp::EncodingError),
    /// The metadata does not fit into its segment.
    #[error("the metadata is too long for JPEG")]
    Metadata,
}

impl FileFormat {
    /// Returns the format of files with this extension, in any case.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }

    /// Encodes a generated image, with metadata that says so. Parameters that are
    /// too long for JPEG are left out there.
    ///
    /// # Errors
    /// Fails when the encoder fails.
    pub fn encode(self, image: &RgbImage, provenance: &Provenance) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Png => Ok(encode_generated(image, provenance)?),
            Self::Jpeg => match jpeg(image, &packet(provenance)) {
                Err(EncodeError::Metadata) => jpeg(image, &packet(&without_parameters(provenance))),
                encoded => encoded,
            },
            Self::WebP => webp(image, packet(provenance)),
        }
    }
}

fn without_parameters(provenance: &Provenance) -> Provenance {
    Provenance {
        parameters: None,
        ..provenance.clone()
    }
}

fn jpeg(image: &RgbImage, packet: &str) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    let (width, height) = (image.width() as u32, image.height() as u32);
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode(
        image.pixels(),
        width,
        height,
        image::ExtendedColorType::Rgb8,
    )?;
    let content = [JPEG_XMP, packet.as_bytes()].concat();
    // The length counts itself.
    let length = u16::try_from(content.len() + 2).map_err(|_| EncodeError::Metadata)?;
    let segment = [&[0xFF, 0xE1], &length.to_be_bytes()[..], &content].concat();
    let end = end_of_header(&bytes);
    bytes.splice(end..end, segment);
    Ok(bytes)
}

/// Returns where the first two segments of a JPEG file end: its start, and
/// JFIF's header, which has to be the next one.
fn end_of_header(jpeg: &[u8]) -> usize {
    match jpeg {
        [0xFF, 0xD8, 0xFF, 0xE0, high, low, ..] => {
            4 + usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => 2,
    }
}

fn webp(image: &RgbImage, packet: String) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut bytes);
    encoder.set_xmp_metadata(packet.into_bytes());
    encoder.encode(
        image.pixels(),
        image.width() as u32,
        image.height() as u32,
        image_webp::ColorType::Rgb8,
    )?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::jpeg::JpegDecoder;
    use image::{ImageDecoder, ImageFormat};

    use super::*;
    use crate::{ImageLimits, read_image};

    const FORMATS: [(FileFormat, ImageFormat); 3] = [
        (FileFormat::Png, ImageFormat::Png),
        (FileFormat::Jpeg, ImageFormat::Jpeg),
        (FileFormat::WebP, ImageFormat::WebP),
    ];

    fn image() -> RgbImage {
        let rgb = (0..72 * 40_u32).flat_map(|index| [index % 72 * 3, index / 72 * 5, 90]);
        RgbImage::new(72, 40, rgb.map(|level| level as u8).collect()).unwrap()
    }

    fn provenance() -> Provenance {
        Provenance {
            generator: "facegen 1.2".into(),
            parameters: None,
        }
    }

    #[test]
    fn extensions_name_formats_in_any_case() {
        for (extension, format) in [
            ("png", Some(FileFormat::Png)),
            ("JPG", Some(FileFormat::Jpeg)),
            ("jpeg", Some(FileFormat::Jpeg)),
            ("WebP", Some(FileFormat::WebP)),
            ("gif", None),
            ("", None),
        ] {
            assert_eq!(FileFormat::of_extension(extension), format, "{extension}");
        }
    }

    #[test]
    fn every_format_keeps_the_image_and_says_that_it_was_generated() {
        for (format, expected) in FORMATS {
            let file = format.encode(&image(), &provenance()).unwrap();
            assert_eq!(image::guess_format(&file).unwrap(), expected);
            let xmp = packet(&provenance());
            let mut windows = file.windows(xmp.len());
            assert!(windows.any(|part| part == xmp.as_bytes()), "{format:?}");
            let read = read_image(&file, &ImageLimits::default()).unwrap().image;
            assert_eq!((read.width(), read.height()), (72, 40));
            let pairs = read.pixels().iter().zip(image().into_pixels());
            let worst = pairs.map(|(a, b)| a.abs_diff(b)).max().unwrap();
            let allowed = if format == FileFormat::Jpeg { 12 } else { 0 };
            assert!(worst <= allowed, "{format:?}: {worst}");
        }
    }

    fn with_parameters(text: String) -> Provenance {
        Provenance {
            parameters: Some(text.into()),
            ..provenance()
        }
    }

    #[test]
    fn every_format_has_the_parameters_that_it_can_hold() {
        for (format, _) in FORMATS {
            let holds = |file: &[u8], text: &str| {
                let mut windows = file.windows(text.len());
                windows.any(|part| part == text.as_bytes())
            };
            let short = with_parameters("a knight\nSteps: 21".to_owned());
            let file = format.encode(&image(), &short).unwrap();
            assert!(holds(&file, "a knight\nSteps: 21"), "{format:?}");
            assert!(
                !format!("{short:?}").contains("knight"),
                "prompts are private"
            );
            let long = with_parameters("knight ".repeat(10_000));
            let file = format.encode(&image(), &long).unwrap();
            assert!(holds(&file, "trainedAlgorithmicMedia"), "{format:?}");
            assert_eq!(holds(&file, "knight knight"), format != FileFormat::Jpeg);
        }
    }

    #[test]
    fn the_metadata_is_where_readers_look_for_it() {
        let xmp = packet(&provenance());
        let file = FileFormat::Jpeg.encode(&image(), &provenance()).unwrap();
        let mut decoder = JpegDecoder::new(Cursor::new(&file)).unwrap();
        let found = decoder.xmp_metadata().unwrap();
        assert_eq!(found.as_deref(), Some(xmp.as_bytes()));
        let file = FileFormat::WebP.encode(&image(), &provenance()).unwrap();
        let mut decoder = image::codecs::webp::WebPDecoder::new(Cursor::new(&file)).unwrap();
        let found = decoder.xmp_metadata().unwrap();
        assert_eq!(found.as_deref(), Some(xmp.as_bytes()));
    }
}
