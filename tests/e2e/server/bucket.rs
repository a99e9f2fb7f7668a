//! A customer's bucket, and the images that are stored in it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::client::{keep_file_secret, request};
use super::process::{API_KEY, Site};
use crate::program::says_generated;

/// A bucket that stores what it gets, until it is set to serve something of
/// this length for every object.
#[derive(Clone, Default)]
pub(crate) struct Bucket {
    objects: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    instead: Arc<AtomicUsize>,
}

impl Bucket {
    /// Serves every object with this length from now on.
    pub(crate) fn answer_instead(&self, length: usize) {
        self.instead.store(length, Ordering::SeqCst);
    }

    /// Returns what is stored under this name, in any directory.
    pub(crate) fn object(&self, name: &str) -> Option<Vec<u8>> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let mut objects = objects.iter();
        let found = objects.find(|(path, _)| path.rsplit('/').next() == Some(name));
        found.map(|(_, bytes)| bytes.clone())
    }

    /// Starts serving, and returns its address.
    pub(crate) async fn start(self) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().serve(stream));
            }
        });
        Ok(address)
    }

    async fn serve(self, stream: TcpStream) -> Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(stream.read_line(&mut head).await? > 0, "no head");
        }
        let mut words = head.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let path = words.next().unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        let answer = self.answer(&method, path, body);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
            .await?;
        stream.write_all(&answer).await?;
        Ok(stream.shutdown().await?)
    }

    fn answer(&self, method: &str, path: String, body: Vec<u8>) -> Vec<u8> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let instead = self.instead.load(Ordering::SeqCst);
        match method {
            "PUT" => drop(objects.insert(path, body)),
            "GET" if instead > 0 => return vec![b'x'; instead],
            "GET" => return objects.get(&path).cloned().unwrap_or_default(),
            _ => {}
        }
        Vec::new()
    }
}

#[test]
fn the_copy_in_a_customers_bucket_has_its_provenance() -> Result<()> {
    let runtime = Runtime::new()?;
    let at = runtime.block_on(Bucket::default().start())?;
    let site = Site::new()?.with("FACEGEN__OUTBOUND__ALLOW_NETWORKS", r#"["127.0.0.1/32"]"#);
    let server = site.start()?;
    let base = format!("http://{at}/faces");
    let details = json!({
        "key": API_KEY,
        "endpoint_url": format!("http://{at}"),
        "public_url": base,
        "region_name": "us-east-1",
        "aws_access_key_id": "id",
        "aws_secret_access_key": "a-secret-of-the-bucket",
        "image_directory": "faces",
    });
    let (status, answer) = server
        .client
        .post("/api/v1/enterprise/update_s3", &details)?;
    ensure!(status == 200, "{answer}");
    let (_, made) = server.client.make(&request())?;
    let link = made["output"][0].as_str().context("no link")?;
    ensure!(link.starts_with(&base), "{link} is not in the bucket");
    let (status, copy) = server.client.get(link)?;
    keep_file_secret(&copy);
    assert_eq!(status, 200);
    assert!(copy.starts_with(b"\x89PNG") && says_generated(&copy));
    Ok(())
}
