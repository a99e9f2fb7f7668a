//! The stand-in's responses for a file that it has, and the file itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::hub::{Break, HubFile, Request, SIGNATURE, State};
use super::manner::{Behaviour, Head};

/// Redirects to the store, with the hub's headers for the file.
pub(super) fn lead_to_store(
    stream: &mut TcpStream,
    file: &HubFile,
    manner: &Behaviour,
    store: &str,
) -> Result<()> {
    let HubFile { sha256, size, .. } = file;
    let (commit, etag) = (manner.commit(), manner.etag_of(&file.sha256));
    write!(
        stream,
        "HTTP/1.1 302 Found\r\nConnection: close\r\n{commit}X-Linked-Etag: {etag}\r\n\
         X-Linked-Size: {size}\r\nETag: \"pointer\"\r\nContent-Length: 0\r\n\
         Location: http://{store}/store/{sha256}?sign={SIGNATURE}\r\n\r\n"
    )?;
    Ok(())
}

/// Sends the bytes of a file from the requested offset to its end or to the
/// next cut, with their headers.
#[expect(
    clippy::too_many_lines,
    reason = "one way of answering after the other"
)]
pub(super) fn send(
    mut stream: TcpStream,
    request: &Request,
    file: &HubFile,
    manner: &Behaviour,
    state: &Mutex<State>,
) -> Result<()> {
    let length = file.bytes.len() as u64;
    let (offset, last) = (request.offset(), request.end(length));
    let etag = manner.etag_of(&file.sha256);
    let common = format!(
        "Connection: close\r\nETag: {etag}\r\n{}{}",
        manner.commit(),
        manner.header
    );
    if request.method == "HEAD" {
        let length = match manner.head {
            Head::WithoutLength => String::new(),
            Head::Known | Head::Refused(_) | Head::RefusedByStore(_) => {
                format!("Content-Length: {}\r\n", file.size)
            }
        };
        write!(stream, "HTTP/1.1 200 OK\r\n{common}{length}\r\n")?;
        return Ok(());
    }
    if request.range.is_some() && offset >= length {
        write!(
            stream,
            "HTTP/1.1 416 Range\r\n{common}Content-Range: bytes */{length}\r\n\
             Content-Length: 0\r\n\r\n"
        )?;
        return Ok(());
    }
    let (end, ending) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_whole = last == length;
        let ending = is_whole.then(|| state.breaks.pop_front()).flatten();
        let end = match ending {
            None => last,
            Some(Break::Cut(end) | Break::Stall(end) | Break::Hold(end)) => end,
        };
        let end = end.clamp(offset, last);
        state.sent += end - offset;
        (end, ending)
    };
    if request.range.is_some() {
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {offset}-{}/{length}\r\n",
            last - 1
        )?;
    } else {
        write!(stream, "HTTP/1.1 200 OK\r\n")?;
    }
    let bytes = &file.bytes[offset as usize..end as usize];
    if manner.says_no_length && request.range.is_none() {
        write!(
            stream,
            "{common}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            bytes.len()
        )?;
        stream.write_all(bytes)?;
        let end = if bytes.is_empty() {
            "\r\n"
        } else {
            "\r\n0\r\n\r\n"
        };
        stream.write_all(end.as_bytes())?;
    } else {
        write!(stream, "{common}Content-Length: {}\r\n\r\n", last - offset)?;
        stream.write_all(bytes)?;
    }
    match ending {
        // Ends when the client has closed the connection.
        Some(Break::Stall(_)) => stream.read_exact(&mut [0])?,
        Some(Break::Hold(_)) => {
            while !state
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .released
            {
                thread::sleep(Duration::from_millis(5));
            }
        }
        Some(Break::Cut(_)) | None => {}
    }
    Ok(())
}
