//! A service without ACLs, or with a temporary failure over one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{self, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::proxy::{read_body, read_head};

/// Forwards requests, except for those with an ACL.
pub(crate) struct NoAcl {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl NoAcl {
    /// Forwards requests to `target`, and answers those with an ACL with this
    /// status.
    pub(crate) async fn start(target: SocketAddr, status: u16) -> Self {
        Self::at_first(usize::MAX, target, status).await
    }

    /// Starts the same, but for so many requests only.
    pub(crate) async fn at_first(most: usize, target: SocketAddr, status: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, target, status, Arc::clone(&counter), most));
            }
        });
        Self { address, asked }
    }

    /// Returns how many requests had an ACL.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Answers one request.
async fn serve(
    mut stream: TcpStream,
    target: SocketAddr,
    status: u16,
    asked: Arc<AtomicUsize>,
    most: usize,
) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    if head.to_lowercase().contains("x-amz-acl: public-read")
        && asked.fetch_add(1, Ordering::SeqCst) < most
    {
        read_body(&mut stream, &head).await?;
        let answer =
            format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        return stream.shutdown().await;
    }
    let mut there = TcpStream::connect(target).await?;
    let close = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    there.write_all(close.as_bytes()).await?;
    io::copy_bidirectional(&mut stream, &mut there).await?;
    Ok(())
}
