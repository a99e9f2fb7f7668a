//! The memory of processes.

use std::{fs, io};

/// Returns the resident memory of a process, in kB.
///
/// # Errors
/// Fails when there is no such process.
pub fn resident_kilobytes(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::other("no resident memory is reported"))
}
