//! The table of files: the outcome of each, and the memory that it takes.

use std::process::{Command, Stdio};
use std::{fs, io};

use serde::Deserialize;

use super::{QUADRANTS, assert_quadrants, asset, made, read};

const TABLE: &str = include_str!("../../../tests/assets/images.json");

/// The most memory of the whole process while a file is read, in bytes.
const MOST_MEMORY: u64 = 256_000_000;

/// One row: the source of the file, and the expected outcome.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// A file of the directory `images`…
    file: Option<String>,
    /// …or a large generated file…
    made: Option<String>,
    /// …or its bytes.
    hex: Option<String>,
    /// The error…
    error: Option<String>,
    /// …or the size of the image…
    size: Option<(u32, u32)>,
    /// …and the colours of its quadrants, see [`colour`]…
    #[serde(default)]
    shows: String,
    /// …within so many levels.
    #[serde(default)]
    within: u8,
}

impl Case {
    fn file(&self) -> Vec<u8> {
        match (&self.file, &self.made, &self.hex) {
            (Some(file), None, None) => asset(file),
            (None, Some(words), None) => made::file(words),
            (None, None, Some(hex)) => bytes(hex),
            _ => panic!("{} must be had in one way", self.name),
        }
    }

    fn judge(&self, file: &[u8]) {
        match (read(file), self.size, &self.error) {
            (Ok(image), Some(size), None) => {
                assert_eq!(super::size(&image), size, "{}", self.name);
                let colours: Vec<[u8; 3]> = self.shows.chars().map(colour).collect();
                let colours = colours.try_into().unwrap();
                assert_quadrants(&image, colours, self.within, &self.name);
            }
            (Err(error), None, Some(expected)) => {
                assert_eq!(error.to_string(), *expected, "{}", self.name);
            }
            (outcome, ..) => panic!("{}: {:?}", self.name, outcome.map_err(|e| e.to_string())),
        }
    }
}

/// Returns the colour of a letter: red, green, blue and white of the quadrants
/// in capitals, their greys in small letters; black, all light, and two greys;
/// those of the photo.
fn colour(letter: char) -> [u8; 3] {
    match letter {
        'R' => QUADRANTS[0],
        'G' => QUADRANTS[1],
        'B' => QUADRANTS[2],
        'W' => QUADRANTS[3],
        'r' => [94; 3],
        'g' => [136; 3],
        'b' => [71; 3],
        'w' => [240; 3],
        'K' => [0; 3],
        'A' => [255; 3],
        'm' => [128; 3],
        'c' => [99; 3],
        '1' => [158, 127, 83],
        '2' => [88, 73, 41],
        '3' => [209, 179, 147],
        '4' => [221, 213, 211],
        other => panic!("no colour is called {other}"),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let places = (0..hex.len()).step_by(2);
    places
        .map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap())
        .collect()
}

/// The prefix with which a child process reports the memory of a file.
const PEAK: &str = "peak of ";

/// Runs as a child of the test below, which passes a row on standard input.
#[test]
#[ignore = "run in processes of its own by the test below"]
fn a_file_becomes_what_is_listed() {
    let case: Case = serde_json::from_reader(io::stdin()).unwrap();
    let file = case.file();
    forget_peak();
    case.judge(&file);
    println!("{PEAK}{}", peak());
}

/// Runs each row in its own process, so that the memory of reading one file is
/// measured.
#[cfg(target_os = "linux")]
#[test]
fn every_file_becomes_what_is_listed_within_256_megabytes() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(TABLE).unwrap();
    assert!(cases.len() >= 60);
    let largest = cases.iter().map(peak_of).max().unwrap();
    println!("{largest} bytes at most");
    // Checks that memory is measured at all: the largest takes its pixels.
    assert!((120_000_000..MOST_MEMORY).contains(&largest), "{largest}");
}

/// Returns the peak of one row, which must be below the limit.
#[cfg(target_os = "linux")]
fn peak_of(case: &serde_json::Value) -> u64 {
    let mut child = Command::new("/proc/self/exe");
    let name = "decode::tests::table::a_file_becomes_what_is_listed";
    child.args(["--ignored", "--nocapture", "--exact", name]);
    child.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), case).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let reported = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("1 passed"), "{text}{reported}");
    let peak = text.lines().find_map(|line| Some(line.split_once(PEAK)?.1));
    let peak = peak.unwrap().parse().unwrap();
    assert!(peak < MOST_MEMORY, "{} takes {peak} bytes", case["name"]);
    peak
}

/// Resets the peak to the current memory of the process.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Returns the peak memory of the process since then, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes.unwrap().parse::<u64>().unwrap() * 1024
}
