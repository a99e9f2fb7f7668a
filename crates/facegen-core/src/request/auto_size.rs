//! Sizes of images that are derived from the photo's.

use serde::{Deserialize, Serialize};

use super::{ImageSize, Scalar, SizeLimits};

/// Keeps an exact side from rounding down to the next multiple.
const ROUNDING: f64 = 1e-6;

/// Which sides of the images are derived from the photo's, because none were
/// given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AutoSize {
    /// None: the given size is used.
    #[default]
    None,
    /// The width, from the height and the photo's aspect ratio.
    Width,
    /// The height, from the width and the photo's aspect ratio.
    Height,
    /// Both: the photo's size, scaled to the limits.
    Both,
}

impl AutoSize {
    /// Returns the sides that a request does not give.
    #[must_use]
    pub fn of(width: &Scalar, height: &Scalar) -> Self {
        match (width.is_absent(), height.is_absent()) {
            (false, false) => Self::None,
            (true, false) => Self::Width,
            (false, true) => Self::Height,
            (true, true) => Self::Both,
        }
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Returns the size of images for a photo of `width` × `height` pixels,
    /// with the sides of `given` that were given. The aspect ratio of the photo
    /// is kept as far as the limits allow.
    #[must_use]
    pub fn resolve_size(
        self,
        given: ImageSize,
        width: u32,
        height: u32,
        limits: &SizeLimits,
    ) -> ImageSize {
        let ratio = f64::from(width.max(1)) / f64::from(height.max(1));
        let (wanted_width, wanted_height) = match self {
            Self::None => return given,
            Self::Width => (f64::from(given.height()) * ratio, given.height().into()),
            Self::Height => (given.width().into(), f64::from(given.width()) / ratio),
            Self::Both => {
                let scale = scale(f64::from(width.max(1)), f64::from(height.max(1)), limits);
                (f64::from(width) * scale, f64::from(height) * scale)
            }
        };
        let (width, height) = (side(wanted_width, limits), side(wanted_height, limits));
        let max_area = limits.max_area();
        let (width, height) = match self {
            Self::Width => (width.min(max_area / height), height),
            Self::None | Self::Height | Self::Both => (width, height.min(max_area / width)),
        };
        // Sides and area are within the limits.
        ImageSize::new(width, height, limits).unwrap_or(given)
    }
}

/// Returns the factor that scales a photo into the limits. Where none does, the
/// largest sides take precedence.
fn scale(width: f64, height: f64, limits: &SizeLimits) -> f64 {
    let sides = limits.sides();
    let (least, most) = (f64::from(*sides.start()), f64::from(*sides.end()));
    let largest = (f64::from(limits.max_area()) / (width * height)).sqrt();
    let largest = largest.min(most / width.max(height));
    (least / width.min(height)).max(1.0).min(largest)
}

/// Clamps a side to the limits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a side lies between the limits, which are pixels"
)]
fn side(wanted: f64, limits: &SizeLimits) -> u32 {
    let sides = limits.sides();
    let (least, most) = (f64::from(*sides.start()), f64::from(*sides.end()));
    (wanted + ROUNDING).clamp(least, most) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolve(open: AutoSize, given: (u32, u32), photo: (u32, u32)) -> (u32, u32) {
        let given = ImageSize::try_from(given).unwrap();
        let limits = SizeLimits::default();
        open.resolve_size(given, photo.0, photo.1, &limits).into()
    }

    #[test]
    fn images_have_the_size_of_the_photo_within_the_limits() {
        for (photo, size) in [
            ((512, 512), (512, 512)),
            ((200, 300), (200, 296)),
            ((512, 768), (512, 768)),
            ((1024, 1536), (512, 768)),
            ((3000, 2000), (768, 512)),
            ((4000, 3000), (720, 536)),
            ((3000, 4000), (536, 720)),
            ((4000, 4000), (624, 624)),
            ((32, 32), (64, 64)),
            ((40, 30), (80, 64)),
            ((10_000, 100), (768, 64)),
            ((1, 4000), (64, 768)),
            ((1, 1), (64, 64)),
        ] {
            let fitted = resolve(AutoSize::Both, (512, 512), photo);
            assert_eq!(fitted, size, "{photo:?}");
        }
    }

    #[test]
    fn the_other_side_follows_the_ratio_of_the_photo() {
        for (open, given, photo, size) in [
            (AutoSize::Height, (256, 512), (600, 900), (256, 384)),
            (AutoSize::Height, (768, 512), (900, 900), (768, 512)),
            (AutoSize::Height, (768, 512), (900, 90), (768, 72)),
            (AutoSize::Height, (512, 512), (10, 4000), (512, 768)),
            (AutoSize::Width, (512, 768), (3000, 2000), (512, 768)),
            (AutoSize::Width, (512, 256), (3000, 2000), (384, 256)),
            (AutoSize::Width, (512, 512), (1, 1000), (64, 512)),
            (AutoSize::None, (128, 256), (3000, 2000), (128, 256)),
        ] {
            let fitted = resolve(open, given, photo);
            assert_eq!(fitted, size, "{open:?} {given:?} {photo:?}");
        }
    }

    proptest! {
        #[test]
        fn every_photo_has_a_valid_size(
            width in 1_u32..=100_000,
            height in 1_u32..=100_000,
            given in (64_u32..=512, 64_u32..=768),
        ) {
            let limits = SizeLimits::default();
            let given = ImageSize::new(given.0, given.1, &limits).unwrap();
            let size = AutoSize::Width.resolve_size(given, width, height, &limits);
            prop_assert_eq!(size.height(), given.height());
            let size = AutoSize::Height.resolve_size(given, width, height, &limits);
            prop_assert_eq!(size.width(), given.width());
            let size = AutoSize::Both.resolve_size(given, width, height, &limits);
            let ratio = f64::from(width) / f64::from(height);
            if (0.2..5.0).contains(&ratio) && width.min(height) >= 64 {
                let made = f64::from(size.width()) / f64::from(size.height());
                prop_assert!((made / ratio - 1.0).abs() < 0.15, "{} {}", made, ratio);
            }
        }
    }
}
