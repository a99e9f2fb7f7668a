//! A receiver of webhooks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result};
use serde_json::Value;

/// Listens on a port of its own.
#[derive(Debug)]
pub(super) struct Receiver(TcpListener);

impl Receiver {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(TcpListener::bind("127.0.0.1:0")?))
    }

    /// Returns its URL.
    pub(super) fn url(&self) -> Result<String> {
        Ok(format!("http://{}/hook", self.0.local_addr()?))
    }

    /// Waits for the next webhook, and accepts it.
    pub(super) fn next(&self) -> Result<Value> {
        let (mut stream, _) = self.0.accept()?;
        let body = read(&stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Reads the body of a request.
fn read(stream: &TcpStream) -> Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = None;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse()?);
        }
    }
    let mut body = vec![0; length.context("no content-length")?];
    reader.read_exact(&mut body)?;
    Ok(body)
}
