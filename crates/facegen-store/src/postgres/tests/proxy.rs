//! A proxy before the server, some of whose connections fall silent without being
//! closed: as those to a host that has vanished.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::server::Server;
use crate::postgres::PostgresSource;

/// A proxy, as long as the runtime lives.
pub(super) struct Proxy {
    port: u16,
    swallowed: Arc<Mutex<Option<&'static str>>>,
}

impl Proxy {
    /// Starts a proxy before the server of the tests.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            swallowed: Arc::default(),
        };
        let swallowed = Arc::clone(&proxy.swallowed);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, Arc::clone(&swallowed)));
            }
        });
        proxy
    }

    /// Lets each connection fall silent that sends this, before it is passed on.
    pub(super) fn swallow(&self, text: Option<&'static str>) {
        *self.swallowed.lock().unwrap() = text;
    }

    /// A new database without tables, behind the proxy.
    pub(super) async fn create(&self) -> PostgresSource {
        let source = Server::get().create().await;
        let database = source.url.split(['/', '?']).nth(3).unwrap();
        let port = self.port;
        PostgresSource {
            url: format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable"),
            password_file: None,
        }
    }
}

async fn pass(client: TcpStream, swallowed: Arc<Mutex<Option<&'static str>>>) {
    let server = TcpStream::connect(("127.0.0.1", Server::get().port())).await;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.unwrap().into_split();
    let (silence, is_silent) = watch::channel(false);
    tokio::spawn(pass_answers(from_server, to_client, is_silent));
    pass_questions(from_client, to_server, silence, &swallowed).await;
}

async fn pass_questions(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    silence: watch::Sender<bool>,
    swallowed: &Mutex<Option<&'static str>>,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = client.read(&mut bytes).await {
        let text = String::from_utf8_lossy(&bytes[..count]);
        let is_swallowed = swallowed
            .lock()
            .unwrap()
            .is_some_and(|swallowed| text.contains(swallowed));
        if is_swallowed {
            silence.send_replace(true);
        }
        if !*silence.borrow() && server.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn pass_answers(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    is_silent: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = server.read(&mut bytes).await {
        if !*is_silent.borrow() && client.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
    // A silent connection is not closed.
    if *is_silent.borrow() {
        std::future::pending::<()>().await;
    }
}
