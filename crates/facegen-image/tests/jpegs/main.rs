//! Thousands of JPEG files, written here with every division into scans, and
//! compared with the images of their coefficients.
//!
//! | chapter | holds |
//! |---|---|
//! | `grid` | which files there are |
//! | `image` | the coefficients |
//! | `writer`, `scans`, `bits` | from coefficients to a file |
//! | `oracle` | from coefficients to what is seen |
//!
//! The writer and the oracle were checked with the reference reader: `check.py`
//! compares all files with it and prints their hash, which is stored here. The
//! decoder under test has no part in that.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests end where their own files are wrong"
)]

mod bits;
mod grid;
mod image;
mod oracle;
mod scans;
mod writer;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use facegen_image::{ImageLimits, read_image};
use sha2::{Digest, Sha256};

/// The hash of all files that `check.py` has checked.
const HASH: &str = include_str!("grid.sha256");

/// The tolerance in levels, on average.
const MOST: f64 = 0.6;

const LIMITS: ImageLimits = ImageLimits {
    max_bytes: 1_000_000,
    max_pixels: 100_000,
    min_side: 1,
};

#[test]
fn every_file_of_the_grid_shows_what_its_coefficients_do() {
    let (mut files, mut wrong) = (0, Vec::new());
    for (image, cases) in grid::images() {
        let shown = oracle::pixels(&image);
        for case in cases {
            files += 1;
            let photo = read_image(&case.file, &LIMITS);
            let reason = match photo {
                Err(error) => error.to_string(),
                Ok(photo) if !photo.warnings.is_empty() => photo.warnings.join(", "),
                Ok(photo) => {
                    let distance = distance(photo.image.pixels(), &shown);
                    if distance < MOST {
                        continue;
                    }
                    format!("{distance} levels away")
                }
            };
            wrong.push(format!("{}: {reason}", case.name));
        }
    }
    assert!(files >= 10_000, "{files}");
    let some = wrong.iter().take(20).cloned().collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{} of {files}: {some:#?}", wrong.len());
}

#[test]
fn the_grid_is_the_one_that_the_reference_reader_agreed_with() {
    let mut hasher = Sha256::new();
    for (_, cases) in grid::images() {
        cases.iter().for_each(|case| hasher.update(&case.file));
    }
    let hash = hasher
        .finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
    assert_eq!(hash, HASH.trim(), "run check.py");
}

/// Writes every file, and its image, to a directory for `check.py`.
#[test]
#[ignore = "writes files for check.py"]
fn write_the_grid() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("grid");
    fs::create_dir_all(&directory).unwrap();
    let mut index = String::new();
    let mut number = 0;
    for (image, cases) in grid::images() {
        let shown = oracle::pixels(&image);
        let shown: Vec<u8> = shown
            .iter()
            .flatten()
            .map(|level| level.round() as u8)
            .collect();
        for case in cases {
            fs::write(directory.join(format!("{number}.jpg")), &case.file).unwrap();
            fs::write(directory.join(format!("{number}.rgb")), &shown).unwrap();
            writeln!(index, "{number}\t{}", case.name).unwrap();
            number += 1;
        }
    }
    fs::write(directory.join("index"), index).unwrap();
}

/// Returns the difference of two images, in levels on average.
fn distance(rgb: &[u8], shown: &[[f64; 3]]) -> f64 {
    let levels = shown.iter().flatten();
    assert_eq!(rgb.len(), levels.clone().count());
    let sum: f64 = rgb
        .iter()
        .zip(levels)
        .map(|(level, shown)| (f64::from(*level) - shown).abs())
        .sum();
    sum / rgb.len() as f64
}
