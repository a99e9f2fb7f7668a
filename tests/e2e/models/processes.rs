//! Pulls that are cut off, killed, or run concurrently.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::hub::{Break, sha256};
use super::{REPO, large, noise};

/// Waits until a file has that size.
fn wait_for_size(file: &Path, size: u64) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::metadata(file).map_or(0, |file| file.len()) < size {
        ensure!(
            Instant::now() < deadline,
            "{} does not grow",
            file.display()
        );
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Kills a process when a file has that size.
fn kill_at(mut child: Child, file: &Path, size: u64) -> Result<()> {
    wait_for_size(file, size)?;
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Reads what a process logs up to a line with these words. Fails when the
/// process ends before.
fn wait_for_line(child: &mut Child, words: &str) -> Result<()> {
    let log = child.stderr.as_mut().context("the log is read")?;
    let (mut line, mut byte) = (Vec::new(), [0]);
    loop {
        ensure!(log.read(&mut byte)? == 1, "it ended without {words:?}");
        line.push(byte[0]);
        if byte == *b"\n" {
            if String::from_utf8_lossy(&line).contains(words) {
                return Ok(());
            }
            line.clear();
        }
    }
}

#[test]
fn ten_cuts_and_a_kill_cost_less_than_a_twentieth() -> Result<()> {
    let (hub, models, bytes) = large()?;
    let size = bytes.len() as u64;
    let number = |four: &[u8]| {
        four.iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let mut cuts: Vec<u64> = noise(40)
        .chunks(4)
        .map(|four| number(four) % size)
        .collect();
    cuts.sort_unstable();
    let blob = models.blob(REPO, &sha256(&bytes));
    let break_at = |cuts: &[u64]| {
        hub.state()
            .breaks
            .extend(cuts.iter().map(|cut| Break::Cut(*cut)))
    };

    let stall = cuts[4] + 1;
    break_at(&cuts[..5]);
    hub.state().breaks.push_back(Break::Stall(stall));
    let child = models.command(&["models", "pull", "pulled"])?.spawn()?;
    kill_at(child, &blob.with_extension("part"), stall)?;
    assert!(!blob.exists(), "half a file has no name yet");

    break_at(&cuts[5..]);
    models.run(&["pull", "pulled"])?.assert_success();
    assert!(fs::read(&blob)? == bytes);
    let state = hub.state();
    assert!(state.breaks.is_empty(), "all cuts were made");
    let sent = state.sent;
    assert!(sent * 20 <= size * 21, "{sent} bytes were sent for {size}");
    Ok(())
}

#[test]
fn two_processes_fetch_once() -> Result<()> {
    let (hub, models, bytes) = large()?;
    // The first one holds the directory while bytes are held back.
    let held = 1 << 20;
    hub.state().breaks.push_back(Break::Hold(held));
    let pull = || models.command(&["models", "pull", "pulled"]);
    let first = pull()?.spawn()?;
    let part = models.blob(REPO, &sha256(&bytes)).with_extension("part");
    wait_for_size(&part, held)?;
    let mut second = pull()?.spawn()?;
    wait_for_line(&mut second, "another process that fetches models")?;
    hub.state().released = true;
    for mut child in [first, second] {
        // Its output must not fill the pipe.
        let said = child.stderr.take().map(std::io::read_to_string);
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "{said:?}");
    }
    assert!(fs::read(models.blob(REPO, &sha256(&bytes)))? == bytes);
    assert_eq!(hub.state().sent, bytes.len() as u64);
    Ok(())
}
