//! Hosts, names and logs for tests.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Write as _;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::guard::{Guard, NameResolver, Networks};

/// The address of the test hosts that may be reached. 127.0.0.1 may not.
pub(crate) const PERMITTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Returns exactly one address that is not public.
pub(crate) fn only_permitted() -> Networks {
    Networks::public_and(vec![IpAddr::V4(PERMITTED).into()])
}

/// Returns a guard that permits [`PERMITTED`] and uses `resolver`.
pub(crate) fn guard(resolver: &Arc<FakeResolver>) -> Guard {
    Guard::with_resolver(only_permitted(), Arc::<FakeResolver>::clone(resolver)).unwrap()
}

/// A host that counts the connections it gets.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Host {
    /// Starts a host on `ip` where `serve` handles each connection.
    pub(crate) async fn start<F>(
        ip: impl Into<IpAddr>,
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((ip.into(), 0)).await.unwrap();
        Self::on(listener, serve)
    }

    pub(crate) fn on<F>(
        listener: TcpListener,
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// Starts a host at [`PERMITTED`] that gives every request the same answer.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(PERMITTED, move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                read_head(&mut stream).await?;
                stream.write_all(&answer).await?;
                stream.shutdown().await
            }
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns how many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads a request up to the end of its head, which it returns.
pub(crate) async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A resolver of configured names. A name has a list of answers; each is given
/// once, the last one for ever.
#[derive(Debug, Default)]
pub(crate) struct FakeResolver {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl FakeResolver {
    pub(crate) fn empty() -> Arc<Self> {
        Arc::default()
    }

    /// Returns a resolver by which `name` resolves to one of `answers` after another.
    pub(crate) fn knowing(name: &str, answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        let answers = answers.iter().map(parse).collect();
        Arc::new(Self {
            answers: Mutex::new(HashMap::from([(name.to_owned(), answers)])),
            asked: Mutex::default(),
        })
    }

    /// Returns the names that were looked up.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl NameResolver for FakeResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        match answers.get_mut(name) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(io::Error::other("no such name")),
        }
    }
}

/// Everything that is logged, at every level, by any thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogCapture(Arc<Mutex<String>>);

impl LogCapture {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

struct Line<'l>(&'l mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl tracing::Subscriber for LogCapture {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut Line(&mut self.0.lock().unwrap()));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = self.0.lock().unwrap();
        write!(
            text,
            "\n{} {}",
            event.metadata().level(),
            event.metadata().target()
        )
        .unwrap();
        event.record(&mut Line(&mut text));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
