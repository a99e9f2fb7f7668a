//! A bucket that keeps objects at whatever path they are written to, records
//! requests, and has scripted failures.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::proxy::read_head;

/// A scripted response: its status, and the code in its body.
pub(crate) type Answer = Option<(u16, &'static str)>;

/// The responses to requests of each kind.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    pub(crate) put: Answer,
    /// To signed requests.
    pub(crate) get: Answer,
    /// To public requests.
    pub(crate) link: Answer,
    pub(crate) delete: Answer,
    /// Whether it drops the objects that it takes.
    pub(crate) forgets: bool,
    /// What it serves publicly instead.
    pub(crate) shows: Option<&'static str>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    requests: Vec<String>,
    behaviour: Behaviour,
}

/// The bucket.
pub(crate) struct Plain {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Plain {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    /// Sets the responses from now on.
    pub(crate) fn set(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }

    /// Takes the requests since the last call, each a method and a path.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let body = read_body(&mut stream, &head).await?;
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().to_owned();
    let is_signed = head.to_lowercase().contains("\r\nauthorization:");
    let (status, answer) = answer(&state, &method, path, is_signed, body);
    let length = answer.len();
    let head = format!(
        "HTTP/1.1 {status} Said\r\netag: \"1\"\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    stream
        .write_all(&[head.as_bytes(), &answer].concat())
        .await?;
    stream.shutdown().await
}

fn answer(
    state: &Mutex<State>,
    method: &str,
    path: String,
    is_signed: bool,
    body: Vec<u8>,
) -> (u16, Vec<u8>) {
    let mut state = state.lock().unwrap();
    state.requests.push(format!("{method} {path}"));
    let State {
        objects, behaviour, ..
    } = &mut *state;
    let failure = match (method, is_signed) {
        ("PUT", _) => behaviour.put,
        ("DELETE", _) => behaviour.delete,
        (_, true) => behaviour.get,
        (_, false) => behaviour.link,
    };
    if let Some((status, code)) = failure {
        return (status, error(code));
    }
    match method {
        "PUT" => {
            if !behaviour.forgets {
                objects.insert(path, body);
            }
            (200, Vec::new())
        }
        "DELETE" => {
            objects.remove(&path);
            (204, Vec::new())
        }
        _ => match (behaviour.shows.filter(|_| !is_signed), objects.get(&path)) {
            (Some(other), _) => (200, other.as_bytes().to_vec()),
            (None, Some(object)) => (200, object.clone()),
            (None, None) => (404, error("NoSuchKey")),
        },
    }
}

fn error(code: &str) -> Vec<u8> {
    if code.is_empty() {
        return Vec::new();
    }
    format!("<Error><Code>{code}</Code></Error>").into_bytes()
}

async fn read_body(stream: &mut TcpStream, head: &str) -> io::Result<Vec<u8>> {
    let head = head.to_lowercase();
    let mut lengths = head
        .lines()
        .filter_map(|line| line.strip_prefix("content-length:"));
    let length = lengths.next().and_then(|length| length.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok(body)
}
