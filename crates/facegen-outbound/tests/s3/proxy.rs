//! Failures on the way to a bucket.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is forwarded.
    Open,
    /// Every request is answered with this status and code.
    Answers(u16, &'static str),
    /// It breaks in the middle of a body.
    Breaks,
    /// It is never answered.
    Swallows,
    /// It is forwarded, at five kilobytes a second.
    Slow,
}

/// A proxy on this machine, whose treatment of new connections can be changed.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    way: watch::Sender<Way>,
}

impl Proxy {
    /// Starts a proxy on the way to `target`.
    pub(crate) async fn start(target: SocketAddr, way: Way) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), target, way).await
    }

    /// Starts the same, at an address.
    pub(crate) async fn start_at(address: SocketAddr, target: SocketAddr, way: Way) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, way) = watch::channel(way);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut now = way.clone();
                tokio::spawn(async move {
                    let way = *now.borrow_and_update();
                    // Connections from before a change have to reconnect.
                    tokio::select! {
                        _ = serve(stream, target, way) => {}
                        _ = now.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            way: sender,
        }
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn serve(mut stream: TcpStream, target: SocketAddr, way: Way) -> io::Result<()> {
    match way {
        Way::Open => {
            let mut there = TcpStream::connect(target).await?;
            io::copy_bidirectional(&mut stream, &mut there).await?;
        }
        Way::Answers(status, code) => loop {
            let head = read_head(&mut stream).await?;
            read_body(&mut stream, &head).await?;
            let body = format!("<Error><Code>{code}</Code></Error>");
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await?;
        },
        // Closing with unread data resets the connection.
        Way::Breaks => drop(stream.read(&mut [0; 2_000]).await?),
        Way::Swallows => {
            io::copy(&mut stream, &mut io::sink()).await?;
        }
        Way::Slow => {
            let mut there = TcpStream::connect(target).await?;
            let ((mut from, mut back), (mut answers, mut to)) = (stream.split(), there.split());
            tokio::select! {
                ended = trickle(&mut from, &mut to) => ended?,
                ended = io::copy(&mut answers, &mut back) => drop(ended?),
            }
        }
    }
    Ok(())
}

async fn trickle(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut bytes = [0; 500];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..count]).await?;
        sleep(Duration::from_millis(100)).await;
    }
}

/// Reads the head of a request.
pub(crate) async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Reads the body that this head announces.
pub(crate) async fn read_body(stream: &mut TcpStream, head: &str) -> io::Result<()> {
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length
        .and_then(|length| length.trim().parse().ok())
        .unwrap_or(0);
    io::copy(&mut stream.take(length), &mut io::sink()).await?;
    Ok(())
}
