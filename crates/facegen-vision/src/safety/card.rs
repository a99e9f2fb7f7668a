//! The card that replaces an image.

use ab_glyph::FontRef;
use facegen_image::RgbImage;

use super::draw::{Canvas, Colour, Text};

const SEMI_BOLD: &[u8] = include_bytes!("fonts/Inter-SemiBold.ttf");
const MEDIUM: &[u8] = include_bytes!("fonts/Inter-Medium.ttf");

/// The background in the middle of the card; `DARK` is that of its corners.
const LIGHT: Colour = [52.0, 56.0, 68.0];
const DARK: Colour = [22.0, 24.0, 31.0];
const TITLE: Colour = [244.0, 245.0, 248.0];
const DETAIL: Colour = [166.0, 172.0, 186.0];

/// Draws a card of any size. Its message is the same at 64 pixels as at 768;
/// smaller ones have less around it.
pub(super) fn card(width: usize, height: usize) -> RgbImage {
    let (w, h) = (width as f32, height as f32);
    let mut canvas = Canvas::new(width, height, |x, y| background(x / w, y / h));
    let fonts = FontRef::try_from_slice(SEMI_BOLD).and_then(|bold| {
        let medium = FontRef::try_from_slice(MEDIUM)?;
        Ok((bold, medium))
    });
    // Both are compiled in, and a test reads them.
    if let Ok((bold, medium)) = fonts {
        if w.min(h) < 200.0 {
            small(&mut canvas, &bold, w, h);
        } else {
            large(&mut canvas, &bold, &medium, w, h);
        }
    }
    canvas.into_image()
}

/// Returns the colour of a soft light above the middle.
fn background(x: f32, y: f32) -> Colour {
    let (x, y) = (x - 0.5, y - 0.38);
    let distance = (x * x + y * y).sqrt() / 0.78;
    let t = distance.min(1.0);
    let t = t * t * (3.0 - 2.0 * t);
    std::array::from_fn(|channel| LIGHT[channel] + (DARK[channel] - LIGHT[channel]) * t)
}

/// Draws two words, as large as they fit.
fn small(canvas: &mut Canvas, bold: &FontRef<'_>, w: f32, h: f32) {
    let line = |text, size| Text {
        font: bold,
        text,
        size,
        tracking: -0.01,
    };
    let fits = w * 0.84 / line("Sensitive", 1.0).width();
    let size = fits.min(h * 0.3);
    let middle = h / 2.0;
    canvas.text(
        &line("Sensitive", size),
        w / 2.0,
        (middle - size * 0.22).round(),
        TITLE,
    );
    canvas.text(
        &line("content", size),
        w / 2.0,
        (middle + size * 0.95).round(),
        TITLE,
    );
}

/// Draws a crossed-out eye, a title and a sentence.
fn large(canvas: &mut Canvas, bold: &FontRef<'_>, medium: &FontRef<'_>, w: f32, h: f32) {
    let unit = w.min(h);
    let title = |size| Text {
        font: bold,
        text: "Sensitive content",
        size,
        tracking: -0.02,
    };
    let size = (unit * 0.083).min(w * 0.8 / title(1.0).width());
    let line = |text| Text {
        font: medium,
        text,
        size: size * 0.5,
        tracking: 0.0,
    };
    let (x, top) = (w / 2.0, h / 2.0);
    eye(canvas, x, top - size * 1.55, size * 1.15);
    canvas.text(&title(size), x, (top + size * 0.75).round(), TITLE);
    let detail = ["This picture was hidden", "by the safety checker"];
    for (index, text) in detail.into_iter().enumerate() {
        let baseline = top + size * (1.72 + 0.74 * index as f32);
        canvas.text(&line(text), x, baseline.round(), DETAIL);
    }
}

/// Draws a crossed-out eye; `radius` is half its width.
fn eye(canvas: &mut Canvas, x: f32, y: f32, radius: f32) {
    let stroke = radius * 0.085;
    // Two arcs that meet in the corners: circles around a point below and above.
    let (bow, drop) = (radius * 1.18, radius * 0.62);
    let lens = move |px: f32, py: f32| {
        let (dx, dy) = (px - x, py - y);
        let below = (dx * dx + (dy - drop) * (dy - drop)).sqrt() - bow;
        let above = (dx * dx + (dy + drop) * (dy + drop)).sqrt() - bow;
        below.max(above)
    };
    let iris = move |px: f32, py: f32| ((px - x).powi(2) + (py - y).powi(2)).sqrt() - radius * 0.27;
    let slash = move |px: f32, py: f32| segment(px - x, py - y, radius * 0.72);
    let gap = stroke * 2.6;
    canvas.fill(TITLE, move |px, py| {
        let outline = lens(px, py).abs() - stroke;
        let ring = iris(px, py).abs() - stroke;
        outline.min(ring).max(gap - slash(px, py))
    });
    canvas.fill(TITLE, move |px, py| slash(px, py) - stroke);
}

/// Returns a point's distance from the line (-reach, -reach) to (reach, reach).
fn segment(x: f32, y: f32, reach: f32) -> f32 {
    let along = f32::midpoint(x, y).clamp(-reach, reach);
    ((x - along).powi(2) + (y - along).powi(2)).sqrt()
}
