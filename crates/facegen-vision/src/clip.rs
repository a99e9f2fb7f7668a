//! The input of CLIP's image encoder.
//!
//! Follows transformers' `CLIPImageProcessorPil` (the Pillow-based one) with
//! its default settings: shortest edge 224 bicubic, centre crop 224, 1/255,
//! mean and standard deviation of OpenAI's CLIP. The torchvision-based one, the
//! default since transformers 5, differs by up to a level when it resizes.

use facegen_core::preset::ChannelOrder;
use facegen_image::{CHANNELS, RgbImage};

use crate::bicubic::resize_and_center_crop;

/// The side of the encoder's input, in pixels.
pub const CLIP_SIZE: usize = 224;
/// OpenAI's mean of red, green and blue.
const MEAN: [f32; CHANNELS] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// OpenAI's standard deviation of red, green and blue.
#[expect(clippy::excessive_precision, reason = "the digits as published")]
const STANDARD_DEVIATION: [f32; CHANNELS] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// Returns the pixel values of `image` as `[3, 224, 224]`, channel by channel.
/// An image of another size is resized and cropped first.
#[must_use]
pub fn clip_pixel_values(image: &RgbImage, order: ChannelOrder) -> Vec<f32> {
    if (image.width(), image.height()) == (CLIP_SIZE, CLIP_SIZE) {
        return normalized(image, order);
    }
    normalized(&resize_and_center_crop(image, CLIP_SIZE), order)
}

fn normalized(image: &RgbImage, order: ChannelOrder) -> Vec<f32> {
    let mut values = Vec::with_capacity(image.pixels().len());
    for channel in 0..CHANNELS {
        let levels = channel_levels(channel);
        let source = match order {
            ChannelOrder::Rgb => channel,
            ChannelOrder::Bgr => CHANNELS - 1 - channel,
        };
        let bytes = image.pixels().iter().skip(source).step_by(CHANNELS);
        values.extend(bytes.map(|&byte| levels[usize::from(byte)]));
    }
    values
}

/// Returns the normalised value of every byte in one channel; rescaling is in
/// `f64` and rounded once, as in transformers.
fn channel_levels(channel: usize) -> [f32; 256] {
    std::array::from_fn(|byte| {
        let rescaled = (byte as f64 * (1.0 / 255.0)) as f32;
        (rescaled - MEAN[channel]) / STANDARD_DEVIATION[channel]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blue_first_puts_the_blue_byte_where_red_is_expected() {
        let pixels = [200, 100, 0].repeat(CLIP_SIZE * CLIP_SIZE);
        let image = RgbImage::new(CLIP_SIZE, CLIP_SIZE, pixels).unwrap();
        let plane = CLIP_SIZE * CLIP_SIZE;
        let rgb = clip_pixel_values(&image, ChannelOrder::Rgb);
        let bgr = clip_pixel_values(&image, ChannelOrder::Bgr);
        assert_eq!(rgb.len(), 3 * plane);
        assert_eq!(rgb[0], channel_levels(0)[200]);
        assert_eq!(bgr[0], channel_levels(0)[0]);
        assert_eq!(rgb[plane], bgr[plane]);
        assert_eq!(bgr[2 * plane], channel_levels(2)[200]);
    }

    #[test]
    fn any_size_becomes_224() {
        for (width, height) in [(1, 1), (3, 500), (500, 3), (225, 224)] {
            let image = RgbImage::new(width, height, vec![128; width * height * 3]).unwrap();
            let values = clip_pixel_values(&image, ChannelOrder::Rgb);
            assert_eq!(values.len(), 3 * CLIP_SIZE * CLIP_SIZE);
            assert!(values.iter().all(|value| value.is_finite()));
        }
    }
}
