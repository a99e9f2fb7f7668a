//! Files that break rules that viewers do not need, compared with the reference
//! readers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{ImageLimits, RgbImage, read_image};

const TABLE: &str = include_str!("../../../tests/assets/faults.json");

/// How many parts each side is divided into.
const PARTS: usize = 16;

/// The tolerance in levels, on average.
const MOST: f64 = 2.5;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    file: String,
    size: (usize, usize),
    /// The mean colours of the parts.
    cells: String,
    warnings: Vec<String>,
}

#[test]
fn every_file_shows_what_the_reference_readers_see() {
    let cases: Vec<Case> = serde_json::from_str(TABLE).unwrap();
    assert!(cases.len() >= 100);
    let wrong: Vec<String> = cases.iter().filter_map(|case| judge(case).err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn judge(case: &Case) -> Result<(), String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/assets/faults");
    let file = std::fs::read(format!("{directory}/{}", case.file)).unwrap();
    let photo = read_image(&file, &ImageLimits::default())
        .map_err(|error| format!("{}: {error}", case.file))?;
    let image = &photo.image;
    if (image.width(), image.height()) != case.size {
        return Err(format!("{}: {image:?}", case.file));
    }
    let seen = STANDARD.decode(&case.cells).unwrap();
    let distances = cells(image)
        .zip(&seen)
        .map(|(mean, seen)| (mean - f64::from(*seen)).abs());
    let distance = distances.sum::<f64>() / seen.len() as f64;
    if distance > MOST {
        return Err(format!("{}: {distance} levels away", case.file));
    }
    if photo.warnings != case.warnings {
        return Err(format!("{}: {:?}", case.file, photo.warnings));
    }
    Ok(())
}

/// Computes the mean levels of all parts, row by row.
fn cells(image: &RgbImage) -> impl Iterator<Item = f64> {
    let (width, height) = (image.width(), image.height());
    let edge = |side: usize, at: usize| at * side / PARTS;
    let parts = (0..PARTS).flat_map(|y| (0..PARTS).map(move |x| (x, y)));
    parts.flat_map(move |(x, y)| {
        let mut sums = [0.0; 3];
        let columns = edge(width, x)..edge(width, x + 1);
        let rows = edge(height, y)..edge(height, y + 1);
        for row in rows.clone() {
            for column in columns.clone() {
                let pixel = &image.pixels()[(row * width + column) * 3..][..3];
                (sums.iter_mut())
                    .zip(pixel)
                    .for_each(|(sum, level)| *sum += f64::from(*level));
            }
        }
        let count = (columns.len() * rows.len()) as f64;
        sums.map(|sum| sum / count)
    })
}
