//! The file of a photo.

#![no_main]

use facegen_image::{ImageLimits, read_image};
use libfuzzer_sys::fuzz_target;

/// Small, so that the fuzzer reads many files and not large ones.
const LIMITS: ImageLimits = ImageLimits {
    max_bytes: 1_000_000,
    max_pixels: 1_000_000,
    min_side: 1,
};

fuzz_target!(|file: &[u8]| {
    if let Ok(photo) = read_image(file, &LIMITS) {
        let image = photo.image;
        let pixels = u64::from(image.width()) * u64::from(image.height());
        assert!((1..=LIMITS.max_pixels).contains(&pixels));
        assert_eq!(image.pixels().len() as u64, pixels * 3);
    }
});
