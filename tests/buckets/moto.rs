//! A server that speaks S3 in Python. It accepts any secret, but has missing
//! buckets and the ACLs of objects.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Where `cargo xtask test --only python` installs it.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../tools/python");

/// The server, until this is dropped.
pub(crate) struct Moto {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Moto {
    /// Starts it, and waits until it answers.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut command = Command::new("python3");
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p"]);
        command.arg(address.port().to_string());
        command.env("PYTHONPATH", PACKAGES);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let moto = Self { address, process };
        let answers = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let answers = timeout(Duration::from_secs(60), answers).await;
        answers.expect("`cargo xtask test --only python` installs it");
        moto
    }

    /// Creates a bucket.
    pub(crate) async fn make_bucket(&self, name: &str) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "PUT /{name} HTTP/1.0\r\nhost: {}\r\ncontent-length: 0\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains(" 200 OK"), "{answer}");
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
