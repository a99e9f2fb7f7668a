//! Pictures to PNG.

use facegen_core::Picture;

use crate::EngineError;

/// Encodes a picture as PNG, quickly rather than tightly: it is stored for a
/// day, and somebody is waiting for it.
///
/// # Errors
/// When the encoder fails.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture.rgb())?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_survives_the_encoding() {
        let rgb: Vec<u8> = (0..8 * 4 * 3)
            .map(|value| (value * 7 % 256) as u8)
            .collect();
        let encoded = encode_png(&Picture::new(8, 4, rgb.clone()).unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(encoded))
            .read_info()
            .unwrap();
        let mut decoded = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut decoded).unwrap();
        assert_eq!((info.width, info.height), (8, 4));
        assert_eq!(&decoded[..info.buffer_size()], rgb);
    }
}
