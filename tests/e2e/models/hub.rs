//! A stand-in for the hub: the same paths, headers and redirects, and
//! connections that break on demand.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::answers::{lead_to_store, send};
use super::manner::{self, Behaviour, Head};

/// The commit that every branch resolves to.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A text that only the store's URLs hold.
pub(crate) const SIGNATURE: &str = "signature-of-the-store";

/// A running stand-in; its threads end with the test.
#[derive(Debug)]
pub(crate) struct Hub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// Its files, and the record of its requests.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The files, by `owner/name/path`.
    files: BTreeMap<String, HubFile>,
    /// How the next responses of the store end.
    pub(crate) breaks: VecDeque<Break>,
    /// Whether held-back bytes may be sent.
    pub(crate) released: bool,
    /// The required token.
    pub(crate) token: Option<String>,
    /// All requests: method and path, without queries.
    pub(crate) requests: Vec<String>,
    /// How many bytes of files were sent.
    pub(crate) sent: u64,
    /// Whether the token reached the store.
    pub(crate) token_leaked: bool,
    /// The address of the store, if not `localhost` with the hub's port.
    pub(crate) store: Option<SocketAddr>,
    /// How it differs from the hub.
    pub(crate) manner: Behaviour,
    /// The headers `range` of requests that had one.
    pub(crate) ranges: Vec<String>,
}

/// How a response ends early, at an offset of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Break {
    /// The connection is cut.
    Cut(u64),
    /// No more bytes come until the client closes the connection.
    Stall(u64),
    /// No more bytes come before [`State::released`].
    Hold(u64),
}

#[derive(Clone, Debug)]
pub(super) struct HubFile {
    pub(super) bytes: Vec<u8>,
    /// The announced hash, which may be wrong.
    pub(super) sha256: String,
    pub(super) size: u64,
    /// Whether the bytes are in the store, as those of large files are.
    is_large: bool,
}

pub(super) struct Request {
    pub(super) method: String,
    path: String,
    pub(super) range: Option<String>,
    token: Option<String>,
    host: String,
}

impl Request {
    /// Returns the first requested byte.
    pub(super) fn offset(&self) -> u64 {
        let range = self.range.as_deref().unwrap_or_default();
        let first = range.trim_start_matches("bytes=").split('-').next();
        first.and_then(|first| first.parse().ok()).unwrap_or(0)
    }

    /// Returns the byte after the last requested one, of so many.
    pub(super) fn end(&self, length: u64) -> u64 {
        let range = self.range.as_deref().unwrap_or_default();
        let last = range
            .rsplit('-')
            .next()
            .and_then(|last| last.parse::<u64>().ok());
        last.map_or(length, |last| length.min(last + 1))
    }
}

impl Hub {
    pub(crate) fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let address = listen(&state)?;
        Ok(Self { address, state })
    }

    /// Moves the store to another port of the hub's own address.
    pub(crate) fn move_store(&self) -> Result<()> {
        let address = listen(&self.state)?;
        self.state().store = Some(address);
        Ok(())
    }

    /// Returns the value of `HF_ENDPOINT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a large file and returns its hash.
    pub(crate) fn add(&self, name: &str, bytes: Vec<u8>) -> String {
        let sha256 = sha256(&bytes);
        self.announce(name, bytes, &sha256, None);
        sha256
    }

    /// Adds a large file whose announced hash or size is wrong.
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

    /// Adds a small file of `bytes` with the hash of `announced`.
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

/// Serves requests on a port of its own.
fn listen(state: &Arc<Mutex<State>>) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let state = Arc::clone(state);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = Arc::clone(&state);
            // A client that closes the connection is part of the tests.
            thread::spawn(move || answer(stream, address, &state).ok());
        }
    });
    Ok(address)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns git's hash of a file.
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
        range: None,
        token: None,
        host: String::new(),
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = Some(value.to_owned()),
            "host" => request.host = value.to_owned(),
            "authorization" => request.token = Some(value.replace("Bearer ", "")),
            _ => {}
        }
    }
    Ok(request)
}

fn answer(mut stream: TcpStream, address: SocketAddr, state: &Mutex<State>) -> Result<()> {
    let mut request = read_request(&stream)?;
    let path = request.path.split('?').next().unwrap_or_default();
    let path = path.to_owned();
    let (how, store) = note(&request, &path, address, state);
    if let Some((status, location)) = how.hop(&path) {
        let other_port = {
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.store.unwrap_or(address)
        };
        let location = manner::fill(&location, &request.path, address, other_port);
        write!(
            stream,
            "HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nETag: \"of-the-redirect\"\r\n\
             Content-Length: 7\r\nConnection: close\r\n\r\n"
        )?;
        return Ok(());
    }
    let path = manner::without_hop(&path).to_owned();
    if how.knows_no_ranges {
        request.range = None;
    }
    let file = {
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let may =
            path.starts_with("/store/") || state.token.is_none() || state.token == request.token;
        may.then(|| find(&state, &path)).ok_or("401 Unauthorized")
    };
    let is_head = request.method == "HEAD";
    let refused = match how.head {
        Head::Refused(status) => is_head.then_some(status),
        Head::RefusedByStore(status) => (is_head && path.starts_with("/store/")).then_some(status),
        Head::Known | Head::WithoutLength => None,
    };
    let file = match (how.status.or(refused), file) {
        (Some(status), _) => Err(format!("{status} No\r\n{}", how.header)),
        (None, Ok(Some(file))) => Ok(file),
        (None, Ok(None)) => Err("404 Not Found\r\n".to_owned()),
        (None, Err(status)) => Err(format!("{status}\r\n")),
    };
    match file {
        Ok(file) if file.is_large && !how.has_no_store && !path.starts_with("/store/") => {
            lead_to_store(&mut stream, &file, &how, &store)
        }
        Ok(file) => send(stream, &request, &file, &how, state),
        Err(status) => {
            write!(
                stream,
                "HTTP/1.1 {status}Content-Length: 0\r\nConnection: close\r\n\r\n"
            )?;
            Ok(())
        }
    }
}

/// Records a request, and returns how it is answered and where the store is.
fn note(
    request: &Request,
    path: &str,
    address: SocketAddr,
    state: &Mutex<State>,
) -> (Behaviour, String) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.requests.push(format!("{} {path}", request.method));
    state.ranges.extend(request.range.clone());
    // The store, and every other name than the endpoint's.
    let is_foreign = path.starts_with("/store/") || request.host.starts_with("localhost");
    let is_foreign = is_foreign || state.store == Some(address);
    state.token_leaked |= is_foreign && request.token.is_some();
    let port = address.port();
    let store = state.store.map(|store| store.to_string());
    let store = store.unwrap_or_else(|| format!("localhost:{port}"));
    (state.manner.clone(), store)
}

/// Finds the file of `/owner/name/resolve/revision/path` or `/store/hash`.
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
