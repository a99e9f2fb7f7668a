use std::path::PathBuf;

use facegen_core::SafetyAction;
use facegen_image::RgbImage;
use facegen_image::encode_png;
use facegen_image::{ImageLimits, read_image};
use facegen_vision::redact;

use super::photo;
use crate::support::root;

/// Checks that the images of the documentation are what the code makes. If not,
/// the message has the path of the new ones.
#[test]
fn the_documentation_shows_current_images() {
    let photo = photo();
    let image = RgbImage::new(512, 512, photo.into_pixels()).unwrap();
    let image = facegen_vision::resize_bicubic(&image, 256, 256);
    for (name, action) in [
        ("blur", SafetyAction::Blur),
        ("pixelate", SafetyAction::Pixelate),
        ("black", SafetyAction::Black),
        ("sensitive_content_text", SafetyAction::SensitiveContentText),
    ] {
        let made = redact(&image, action);
        let shown = root().join(format!("docs/safety/{name}.png"));
        let same = std::fs::read(&shown).is_ok_and(|file| {
            read_image(&file, &ImageLimits::default()).is_ok_and(|shown| shown.image == made)
        });
        let new = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
        std::fs::write(&new, encode_png(&made).unwrap()).unwrap();
        assert!(same, "{} is not {}", shown.display(), new.display());
    }
}
