//! The memory of processes.

use std::{fs, io};

/// Returns the resident memory of a process, in kB.
///
/// # Errors
/// Fails when there is no such process.
pub fn resident_kilobytes(process: u32) -> io::Result<u64> {
    status(process, "VmRSS:")
}

/// Returns the most memory of a process that was resident at once, in kB.
///
/// # Errors
/// Fails when there is no such process.
pub fn peak_kilobytes(process: u32) -> io::Result<u64> {
    status(process, "VmHWM:")
}

/// Returns how many pages a process was given without waiting for a disk.
///
/// # Errors
/// Fails when there is no such process.
pub fn minor_faults(process: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program, in parentheses, may contain anything.
    let fields = text.rsplit_once(')').map(|(_, fields)| fields);
    let faults = fields.and_then(|fields| fields.split_whitespace().nth(7));
    number(faults).ok_or_else(|| io::Error::other("no page faults are reported"))
}

fn status(process: u32, name: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let size = line.and_then(|line| line.split_whitespace().next());
    number(size).ok_or_else(|| io::Error::other("no resident memory is reported"))
}

fn number(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_touched_counts() {
        let process = std::process::id();
        let (resident, faults) = (resident_kilobytes(process), minor_faults(process));
        let (resident, faults) = (resident.unwrap(), faults.unwrap());
        let memory = vec![1_u8; 64 << 20];
        assert!(resident_kilobytes(process).unwrap() >= resident + 60_000);
        assert!(minor_faults(process).unwrap() > faults);
        drop(memory);
        assert!(peak_kilobytes(process).unwrap() >= resident + 60_000);
    }
}
