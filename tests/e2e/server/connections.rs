//! Connections with malformed HTTP, byte by byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::client::request;
use super::process::Site;

/// How long the server may take to close a connection.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What is sent, and the responses before the server closes the connection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Each character is one byte.
    send: String,
    /// A text that follows, and how often.
    #[serde(default)]
    repeat: (String, usize),
    /// What follows that.
    #[serde(default)]
    then: String,
    /// Whether the client closes its side.
    #[serde(default)]
    hangs_up: bool,
    /// The statuses of all responses. A request inside another's body must not
    /// be answered.
    answers: Vec<u16>,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        let (text, times) = &self.repeat;
        let text = format!("{}{}{}", self.send, text.repeat(*times), self.then);
        text.chars().map(|letter| letter as u8).collect()
    }

    fn statuses(&self, address: &str) -> Result<Vec<u16>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        // The server may respond and close before it has read everything.
        let _ = stream.write_all(&self.bytes());
        if self.hangs_up {
            stream.shutdown(Shutdown::Write)?;
        }
        let mut answers = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answers) {
            let is_closed = error.kind() == std::io::ErrorKind::ConnectionReset;
            anyhow::ensure!(is_closed, "{error}, after {} bytes", answers.len());
        }
        let text = String::from_utf8_lossy(&answers);
        let heads = text.split("HTTP/1.").skip(1);
        let status = |head: &str| head.get(2..5)?.parse().ok();
        heads
            .map(|head| status(head).context("no status"))
            .collect()
    }
}

#[test]
fn every_connection_of_the_table_is_answered_as_listed() -> Result<()> {
    let server = Site::new()?.start()?;
    let cases: Vec<Case> = serde_json::from_str(include_str!("connections.json"))?;
    assert!(cases.len() >= 30);
    for case in cases {
        let statuses = case.statuses(server.client.host());
        let statuses = statuses.with_context(|| case.name.clone())?;
        assert_eq!(statuses, case.answers, "{}", case.name);
    }
    assert_eq!(server.client.make(&request())?.1["status"], "success");
    Ok(())
}
