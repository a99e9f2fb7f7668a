//! The receivers.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// The address of receivers, the only one that is not public and may be reached.
pub(crate) const PLACE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// Answers with this status and these headers.
    Answers(&'static str),
    /// Answers 500 so often, and then 200.
    Recovers(usize),
    /// Answers with this `retry-after` first, and then 200.
    Asks(&'static str),
    /// Does not answer for a minute.
    Hangs,
    /// Breaks the connection.
    Resets,
    /// Answers 200 with a body of a gigabyte.
    Floods,
}

/// Serves requests in one way, and counts them.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    requests: watch::Sender<usize>,
    /// How much of a body it has sent.
    flooded: watch::Sender<u64>,
}

impl Receiver {
    pub(crate) async fn start(way: Way) -> Self {
        let listener = TcpListener::bind((PLACE, 0)).await.unwrap();
        let url = format!("http://{}/hook?secret=1", listener.local_addr().unwrap());
        let (requests, flooded) = (watch::Sender::new(0), watch::Sender::new(0));
        let (counter, flood) = (requests.clone(), flooded.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.send_modify(|count| *count += 1);
                let number = *counter.borrow();
                tokio::spawn(serve(stream, way, number, flood.clone()));
            }
        });
        Self {
            url,
            requests,
            flooded,
        }
    }

    /// Returns an address on which no process listens.
    pub(crate) async fn unreachable_url() -> String {
        let listener = TcpListener::bind((PLACE, 0)).await.unwrap();
        format!("http://{}/hook", listener.local_addr().unwrap())
    }

    /// Returns how many requests it got.
    pub(crate) fn requests(&self) -> usize {
        *self.requests.borrow()
    }

    /// Waits for the end of its gigabyte, and returns how many bytes it has sent.
    pub(crate) async fn flooded(&self) -> u64 {
        let mut flooded = self.flooded.subscribe();
        *flooded.wait_for(|bytes| *bytes > 0).await.unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    way: Way,
    number: usize,
    flood: watch::Sender<u64>,
) -> io::Result<()> {
    if matches!(way, Way::Resets) {
        // Closing with unread data resets the connection.
        stream.readable().await?;
        return Ok(());
    }
    read_request(&mut stream).await?;
    let head = match way {
        Way::Answers(head) => head,
        Way::Recovers(failures) if number <= failures => "500 Internal Server Error",
        Way::Asks(head) if number == 1 => head,
        Way::Recovers(_) | Way::Asks(_) => "200 OK",
        Way::Hangs => {
            sleep(Duration::from_secs(60)).await;
            return Ok(());
        }
        Way::Floods => {
            flood.send_replace(give_a_gigabyte(&mut stream).await?);
            return Ok(());
        }
        Way::Resets => return Ok(()),
    };
    let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).await
}

async fn give_a_gigabyte(stream: &mut TcpStream) -> io::Result<u64> {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut bytes = 0;
    while bytes < 1_000_000_000 && stream.write_all(&[0; 1000]).await.is_ok() {
        bytes += 1000;
    }
    Ok(bytes)
}

/// Reads a request to its end.
async fn read_request(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length = length.lines().next().unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).await.map(drop)
}
