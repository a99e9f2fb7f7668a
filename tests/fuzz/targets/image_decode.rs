//! The file of a photograph.

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
    if let Ok(photograph) = read_image(file, &LIMITS) {
        let picture = photograph.picture;
        let pixels = u64::from(picture.width()) * u64::from(picture.height());
        assert!((1..=LIMITS.max_pixels).contains(&pixels));
        assert_eq!(picture.pixels().len() as u64, pixels * 3);
    }
});
