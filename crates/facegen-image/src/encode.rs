//! Encodes images as PNG.

use png::EncodingError;

use crate::xmp::{KEYWORD, packet};
use crate::{Parameters, Provenance, RgbImage};

/// The text chunk in which programs look for the parameters of an image.
const PARAMETERS: &str = "parameters";

/// Encodes an image as PNG, for speed rather than size: it is stored for a day,
/// and a caller waits for it.
///
/// # Errors
/// Fails when the encoder fails.
pub fn encode_png(image: &RgbImage) -> Result<Vec<u8>, EncodingError> {
    encode(image, None, None)
}

/// Encodes a generated image, with metadata that says so.
///
/// # Errors
/// Fails when the encoder fails.
pub fn encode_generated(
    image: &RgbImage,
    provenance: &Provenance,
) -> Result<Vec<u8>, EncodingError> {
    let parameters = provenance.parameters.as_ref();
    encode(image, Some(packet(provenance)), parameters)
}

fn encode(
    image: &RgbImage,
    packet: Option<String>,
    parameters: Option<&Parameters>,
) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.width() as u32, image.height() as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    if let Some(packet) = packet {
        encoder.add_itxt_chunk(KEYWORD.to_owned(), packet)?;
    }
    if let Some(parameters) = parameters {
        encoder.add_itxt_chunk(PARAMETERS.to_owned(), parameters.as_str().to_owned())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(image.pixels())?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn image() -> RgbImage {
        let rgb: Vec<u8> = (0..8 * 4 * 3)
            .map(|value| (value * 7 % 256) as u8)
            .collect();
        RgbImage::new(8, 4, rgb).unwrap()
    }

    /// Decodes the pixels and the texts of a file.
    fn decoded(file: Vec<u8>) -> (Vec<u8>, Vec<(String, String)>) {
        let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rgb).unwrap();
        assert_eq!((info.width, info.height), (8, 4));
        rgb.truncate(info.buffer_size());
        reader.finish().unwrap();
        let info = reader.info();
        assert!(info.uncompressed_latin1_text.is_empty() && info.compressed_latin1_text.is_empty());
        let texts = info.utf8_text.iter();
        let texts = texts.map(|text| (text.keyword.clone(), text.get_text().unwrap()));
        (rgb, texts.collect())
    }

    #[test]
    fn an_image_survives_the_encoding_and_nothing_is_added() {
        let (rgb, texts) = decoded(encode_png(&image()).unwrap());
        assert_eq!(rgb, image().pixels());
        assert_eq!(texts, []);
    }

    #[test]
    fn a_generated_image_says_so_before_its_pixels_and_in_plain_text() {
        let provenance = Provenance {
            generator: "facegen 1.2".into(),
            parameters: None,
        };
        let file = encode_generated(&image(), &provenance).unwrap();
        let xmp = packet(&provenance);
        assert!(xmp.contains("xmp:CreatorTool=\"facegen 1.2\""));
        let place = |bytes: &[u8]| file.windows(bytes.len()).position(|window| window == bytes);
        assert!(place(xmp.as_bytes()).unwrap() < place(b"IDAT").unwrap());
        let (rgb, texts) = decoded(file.clone());
        assert_eq!(rgb, image().pixels());
        let packet = (KEYWORD.to_owned(), xmp);
        assert_eq!(texts, [packet]);
        assert_eq!(
            encode_generated(&image(), &provenance).unwrap(),
            file,
            "the same bytes again"
        );
    }

    #[test]
    fn parameters_are_where_programs_look_for_them() {
        let text = "a <knight> & a \"horse\"\nSteps: 21";
        let provenance = Provenance {
            generator: "facegen 1.2".into(),
            parameters: Some(text.to_owned().into()),
        };
        let (rgb, texts) = decoded(encode_generated(&image(), &provenance).unwrap());
        assert_eq!(rgb, image().pixels());
        let [(keyword, xmp), parameters] = &texts[..] else {
            panic!("{texts:?}");
        };
        assert_eq!(*parameters, (PARAMETERS.to_owned(), text.to_owned()));
        assert_eq!(keyword, KEYWORD);
        let description = "<rdf:li xml:lang=\"x-default\">a &lt;knight> &amp; a \
                           &quot;horse&quot;\nSteps: 21</rdf:li>";
        assert!(xmp.contains(description), "{xmp}");
        assert_eq!(xmp.matches("rdf:Description").count(), 2, "{xmp}");
    }
}
