//! Without a writable log only its lines are lost.

use std::fs::OpenOptions;
use std::io::pipe;
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use facegen_testkit::memory::resident_kilobytes;

use super::client::{Client, request};
use super::process::Site;

/// How long a test waits for what must happen anyway.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A server whose log goes where the test directs it.
struct Unlogged {
    child: Child,
    client: Client,
    _site: Site,
}

impl Unlogged {
    /// Starts a server and waits until it is ready.
    fn start(stderr: impl Into<Stdio>) -> Result<Self> {
        let site = Site::new()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let listen = format!("127.0.0.1:{port}");
        let mut command = site.command(&["serve", "--preset", "random", "--listen", &listen])?;
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn()?;
        // Only the server may hold the other end of a pipe.
        drop(command);
        let mut server = Self {
            child,
            client: Client::new(&format!("http://{listen}")),
            _site: site,
        };
        let begun = Instant::now();
        while server.client.get("/readyz").map_or(0, |(status, _)| status) != 200 {
            ensure!(server.child.try_wait()?.is_none(), "the server has ended");
            ensure!(begun.elapsed() < TIMEOUT, "the server is never ready");
            sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// Returns how many lines were lost, by the metrics.
    fn lost_lines(&self) -> Result<u64> {
        let (_, metrics) = self.client.get("/metrics")?;
        let metrics = String::from_utf8(metrics)?;
        let mut lines = metrics.lines();
        let count = lines.find_map(|line| line.strip_prefix("facegen_log_lines_lost_total "));
        Ok(count.context("it is not counted")?.parse()?)
    }

    fn resident_kilobytes(&self) -> Result<u64> {
        Ok(resident_kilobytes(self.child.id())?)
    }

    /// Asks the server to stop, and waits until it has.
    fn stop(&mut self) -> Result<ExitStatus> {
        let id = self.child.id().to_string();
        ensure!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()?
                .success()
        );
        let begun = Instant::now();
        while begun.elapsed() < TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            sleep(Duration::from_millis(50));
        }
        anyhow::bail!("the server does not stop")
    }
}

impl Drop for Unlogged {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests an image, and stops the server.
fn work(mut server: Unlogged) -> Result<u64> {
    let (status, answer) = server.client.make(&request())?;
    ensure!(answer["status"] == "success", "{status} {answer}");
    let lost = server.lost_lines()?;
    ensure!(server.stop()?.success(), "it did not end well");
    Ok(lost)
}

#[test]
fn a_log_on_a_full_disk_loses_only_its_lines() -> Result<()> {
    let full = OpenOptions::new().write(true).open("/dev/full")?;
    assert!(work(Unlogged::start(full)?)? > 0);
    Ok(())
}

#[test]
fn a_log_whose_reader_has_exited_loses_only_its_lines() -> Result<()> {
    let (reader, writer) = pipe()?;
    let server = Unlogged::start(writer)?;
    drop(reader);
    assert!(work(server)? > 0);
    Ok(())
}

#[test]
fn a_log_that_is_not_read_blocks_no_request() -> Result<()> {
    let (reader, writer) = pipe()?;
    let server = Unlogged::start(writer)?;
    let before = server.resident_kilobytes()?;
    // Each is a line of the log, and a pipe holds a few hundred.
    for _ in 0..4_000 {
        assert_eq!(server.client.get("/healthz")?.0, 200);
    }
    let more = server.resident_kilobytes()?.saturating_sub(before);
    assert!(more < 40_000, "{more} kB more");
    work(server)?;
    drop(reader);
    Ok(())
}
