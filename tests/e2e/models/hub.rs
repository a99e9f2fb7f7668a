//! A stand-in for the hub: the same paths, headers and redirects, and a
//! connection that breaks when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The commit that every branch stands for.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What only the store's URLs hold.
pub(crate) const SIGNATURE: &str = "signature-of-the-store";

/// A running stand-in; its threads end with the test.
#[derive(Debug)]
pub(crate) struct Hub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// What it has, and what it did.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The files, by `owner/name/path`.
    files: BTreeMap<String, HubFile>,
    /// How the next answers of the store end.
    pub(crate) breaks: VecDeque<Break>,
    /// Whether what is held back may come.
    pub(crate) released: bool,
    /// Who may ask.
    pub(crate) token: Option<String>,
    /// All requests: method and path, without queries.
    pub(crate) requests: Vec<String>,
    /// How many bytes of files left.
    pub(crate) sent: u64,
    /// Whether the token reached the store.
    pub(crate) token_leaked: bool,
    /// Where the store is, if not at `localhost` with the hub's port.
    pub(crate) store: Option<SocketAddr>,
}

/// How an answer ends early, at an offset of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Break {
    /// The connection is cut.
    Cut(u64),
    /// Nothing more comes until the client is gone.
    Stall(u64),
    /// Nothing more comes until [`State::released`].
    Hold(u64),
}

#[derive(Clone, Debug)]
struct HubFile {
    bytes: Vec<u8>,
    /// What the hub says, which need not be so.
    sha256: String,
    size: u64,
    /// Whether the bytes lie in the store, as those of large files do.
    is_large: bool,
}

struct Request {
    method: String,
    path: String,
    offset: u64,
    token: Option<String>,
}

impl Hub {
    pub(crate) fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let address = listen(&state)?;
        Ok(Self { address, state })
    }

    /// Has the store answer at another port of the hub's own address.
    pub(crate) fn move_store(&self) -> Result<()> {
        let address = listen(&self.state)?;
        self.state().store = Some(address);
        Ok(())
    }

    /// What `HF_ENDPOINT` is set to.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a large file and gives its hash.
    pub(crate) fn add(&self, name: &str, bytes: Vec<u8>) -> String {
        let sha256 = sha256(&bytes);
        self.announce(name, bytes, &sha256, None);
        sha256
    }

    /// Adds a large file that is not what the hub says.
    pub(crate) fn announce(&self, name: &str, bytes: Vec<u8>, sha256: &str, size: Option<u64>) {
        let file = HubFile {
            size: size.unwrap_or(bytes.len() as u64),
            sha256: sha256.to_owned(),
            is_large: true,
            bytes,
        };
        self.state().files.insert(name.to_owned(), file);
    }

    /// Adds a small file, which the hub serves itself.
    pub(crate) fn add_small(&self, name: &str, bytes: &[u8]) {
        self.announce_small(name, bytes, bytes.to_vec());
    }

    /// Adds a small file that is not what the hub says: `bytes` for `announced`.
    pub(crate) fn announce_small(&self, name: &str, announced: &[u8], bytes: Vec<u8>) {
        let file = HubFile {
            size: bytes.len() as u64,
            sha256: git_hash(announced),
            is_large: false,
            bytes,
        };
        self.state().files.insert(name.to_owned(), file);
    }
}

/// Answers at a port of its own.
fn listen(state: &Arc<Mutex<State>>) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let state = Arc::clone(state);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = Arc::clone(&state);
            // A client that goes away is part of the tests.
            thread::spawn(move || answer(stream, address, &state).ok());
        }
    });
    Ok(address)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What git calls a file.
fn git_hash(bytes: &[u8]) -> String {
    let header = format!("blob {}\0", bytes.len());
    let digest = Sha1::new_with_prefix(header).chain_update(bytes).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_request(stream: &TcpStream) -> Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().context("no request")??;
    let mut words = first.split(' ');
    let mut request = Request {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        offset: 0,
        token: None,
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let first = value.trim_start_matches("bytes=").trim_end_matches('-');
                request.offset = first.parse()?;
            }
            "authorization" => request.token = Some(value.replace("Bearer ", "")),
            _ => {}
        }
    }
    Ok(request)
}

fn answer(mut stream: TcpStream, address: SocketAddr, state: &Mutex<State>) -> Result<()> {
    let request = read_request(&stream)?;
    let path = request
        .path
        .split('?')
        .next()
        .unwrap_or_default()
        .to_owned();
    let (file, may, store) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests.push(format!("{} {path}", request.method));
        let is_store = path.starts_with("/store/");
        state.token_leaked |= is_store && request.token.is_some();
        let may = is_store || state.token.is_none() || state.token == request.token;
        let port = address.port();
        let store = state.store.map(|store| store.to_string());
        let store = store.unwrap_or_else(|| format!("localhost:{port}"));
        (find(&state, &path), may, store)
    };
    let Some(file) = file.filter(|_| may) else {
        let status = if may {
            "404 Not Found"
        } else {
            "401 Unauthorized"
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        return Ok(());
    };
    let HubFile { sha256, size, .. } = &file;
    let common = format!("Connection: close\r\nX-Repo-Commit: {COMMIT}\r\n");
    if path.starts_with("/store/") {
        send(stream, &request, &file, state)
    } else if file.is_large {
        write!(
            stream,
            "HTTP/1.1 302 Found\r\n{common}X-Linked-Etag: \"{sha256}\"\r\nX-Linked-Size: {size}\r\n\
             ETag: \"pointer\"\r\nContent-Length: 0\r\n\
             Location: http://{store}/store/{sha256}?sign={SIGNATURE}\r\n\r\n"
        )?;
        Ok(())
    } else {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\n{common}ETag: \"{sha256}\"\r\nContent-Length: {size}\r\n\r\n"
        )?;
        if request.method == "GET" {
            stream.write_all(&file.bytes)?;
        }
        Ok(())
    }
}

/// `/owner/name/resolve/revision/path` or `/store/hash`.
fn find(state: &State, path: &str) -> Option<HubFile> {
    if let Some(hash) = path.strip_prefix("/store/") {
        return state
            .files
            .values()
            .find(|file| file.sha256 == hash)
            .cloned();
    }
    let (repo, rest) = path.strip_prefix('/')?.split_once("/resolve/")?;
    let (_, name) = rest.split_once('/')?;
    state.files.get(&format!("{repo}/{name}")).cloned()
}

/// The bytes of a file from the asked offset to its end or to the next cut.
fn send(
    mut stream: TcpStream,
    request: &Request,
    file: &HubFile,
    state: &Mutex<State>,
) -> Result<()> {
    let (length, offset) = (file.bytes.len() as u64, request.offset);
    let (end, ending) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let ending = state.breaks.pop_front();
        let end = match ending {
            None => length,
            Some(Break::Cut(end) | Break::Stall(end) | Break::Hold(end)) => end,
        };
        let end = end.clamp(offset, length);
        state.sent += end - offset;
        (end, ending)
    };
    let rest = length - offset;
    if offset == 0 {
        write!(stream, "HTTP/1.1 200 OK\r\n")?;
    } else {
        let last = length - 1;
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {offset}-{last}/{length}\r\n"
        )?;
    }
    write!(
        stream,
        "Content-Length: {rest}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&file.bytes[offset as usize..end as usize])?;
    match ending {
        // Ends when the client is gone.
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
