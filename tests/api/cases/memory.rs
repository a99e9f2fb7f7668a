//! How much memory the largest requests take, of the whole process.

use std::fs;
use std::process::Command;

/// The most memory that one request may take together with the server, in
/// bytes.
const MOST_MEMORY: u64 = 256_000_000;

/// The prefix of the line in which a child reports a request's peak.
const PEAK: &str = "peak of ";

/// The tables, and at least how many requests each holds.
const TABLES: [(&str, usize); 5] = [
    (
        "cases::json::every_body_of_the_table_is_answered_as_listed",
        200,
    ),
    (
        "cases::fields::every_field_has_its_edges_where_they_are_listed",
        100,
    ),
    (
        "cases::photos::every_spelling_of_a_photo_is_answered_as_listed",
        25,
    ),
    (
        "cases::multipart::every_form_of_the_table_is_answered_as_listed",
        25,
    ),
    ("cases::texts::every_text_comes_back_as_it_was_sent", 20),
];

/// Runs each table in a process of its own, so that only its requests are measured.
#[cfg(target_os = "linux")]
#[test]
fn no_request_of_a_table_takes_256_megabytes() {
    for (name, requests) in TABLES {
        let mut child = Command::new("/proc/self/exe");
        let output = child.args(["--nocapture", "--exact", name]).output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("1 passed"), "{text}");
        let peaks = text.lines().filter_map(|line| line.split_once(PEAK));
        let peaks: Vec<_> = peaks
            .map(|(case, peak)| (peak.parse::<u64>().unwrap(), case))
            .collect();
        assert!(peaks.len() >= requests, "{text}");
        let largest = peaks.iter().max().unwrap();
        assert!(largest.0 < MOST_MEMORY, "{largest:?}");
        // Otherwise nothing was measured.
        assert!(largest.0 > 20_000_000, "{largest:?}");
    }
}

/// Resets the peak to what the process takes now.
pub(super) fn forget_peak() {
    // Only Linux measures it.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Prints the peak of the process since then.
pub(super) fn tell_peak(case: &str) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    if let Some(kilobytes) = kilobytes {
        println!("{case}: {PEAK}{}", kilobytes.parse::<u64>().unwrap() * 1024);
    }
}
