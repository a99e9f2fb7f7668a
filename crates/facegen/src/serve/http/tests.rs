//! Connections over sockets, with a small router and few slots.
//!
//! The clock is paused and advances only where a test moves it.

use std::net::SocketAddr;
use std::sync::mpsc;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;

const GET: &str = "GET /quick HTTP/1.1\r\nhost: a\r\n\r\n";
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
/// The head of a request with a body of a megabyte.
const POST: &str = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);
const HANGING: &str = "GET /hanging HTTP/1.1\r\nhost: a\r\n\r\n";

struct Server {
    address: SocketAddr,
    /// A blocking task, during which the paused clock does not advance by
    /// itself.
    _stands_still: mpsc::Sender<()>,
    stopped: CancellationToken,
    answering: JoinHandle<()>,
    /// How many requests are hanging.
    hanging: watch::Sender<usize>,
}

impl Server {
    async fn start(all: usize, of_address: usize, spare: usize) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hanging = watch::Sender::new(0);
        let limits = Limits {
            all,
            of_address,
            spare,
        };
        let stopped = CancellationToken::new();
        let api = api(hanging.clone());
        let answering = tokio::spawn(answer(listener, api, limits, stopped.clone()));
        let (stands_still, end) = mpsc::channel();
        tokio::task::spawn_blocking(move || end.recv());
        Self {
            _stands_still: stands_still,
            address: SocketAddr::new([127, 0, 0, 1].into(), address.port()),
            stopped,
            answering,
            hanging,
        }
    }

    /// Connects from the address with this last part.
    async fn connect(&self, from: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::new([127, 0, 0, from].into(), 0))
            .unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn sent(&self, from: u8, text: &str) -> TcpStream {
        let mut stream = self.connect(from).await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Returns the status of the response to `text`, on a new connection.
    async fn ask(&self, from: u8, text: &str) -> u16 {
        status(&mut self.sent(from, text).await).await
    }

    /// Sends this many requests that the server does not finish.
    async fn hang(&self, from: u8, count: usize) -> Vec<TcpStream> {
        let mut streams = Vec::new();
        let before = *self.hanging.borrow();
        for number in 1..=count {
            streams.push(self.sent(from, HANGING).await);
            let mut hanging = self.hanging.subscribe();
            hanging
                .wait_for(|all| *all == before + number)
                .await
                .unwrap();
        }
        streams
    }

    async fn stop(self) {
        self.stopped.cancel();
        self.answering.await.unwrap();
    }
}

fn api(hanging: watch::Sender<usize>) -> Router {
    let hang = move || async move {
        hanging.send_modify(|count| *count += 1);
        std::future::pending::<()>().await;
    };
    Router::new()
        .route("/quick", get(|| async { "" }))
        .route("/healthz", get(|| async { "" }))
        .route("/hanging", get(hang))
        .route("/endless", get(|| async { Body::new(Endless) }))
        .route("/echo", post(|body: Bytes| async move { body }))
}

/// A body without an end.
struct Endless;

impl axum::body::HttpBody for Endless {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        let piece = Bytes::from_static(&[b'x'; 16 * 1024]);
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(piece))))
    }
}

/// Returns the status of the next response; 0 when the connection is closed.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return 0,
        }
    }
    let text = String::from_utf8(head).unwrap();
    text[9..12].parse().unwrap()
}

/// Returns the status of the response to `text` on this connection.
async fn status_of(stream: &mut TcpStream, text: &str) -> u16 {
    stream.write_all(text.as_bytes()).await.unwrap();
    status(stream).await
}

/// Returns whether the server closes the connection without a response, while
/// the clock is paused.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    matches!(stream.read(&mut byte).await, Ok(0) | Err(_))
}

/// Advances the clock between letting the tasks run.
async fn advance(time: Duration) {
    settle().await;
    tokio::time::advance(time).await;
    settle().await;
}

/// Lets all tasks handle what has arrived.
async fn settle() {
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(1));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn idle_and_slow_connections_are_closed() {
    let server = Server::start(9, 9, 1).await;
    for (first, longest) in [("", FIRST_BYTE_TIME), ("GET", HEAD_TIME)] {
        let mut client = server.sent(2, first).await;
        advance(longest - SECOND).await;
        let mut byte = [0];
        let open = client.try_read(&mut byte).unwrap_err();
        assert_eq!(open.kind(), std::io::ErrorKind::WouldBlock, "{first}");
        advance(2 * SECOND).await;
        assert_ne!(status(&mut client).await, 200);
    }
    // A byte every nine seconds, without end.
    let mut client = server.sent(2, "G").await;
    for byte in b"ET / HTTP/1.1" {
        let _ = client.write_all(&[*byte]).await;
        advance(9 * SECOND).await;
    }
    assert_ne!(status(&mut client).await, 200);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_for_new_requests() {
    let server = Server::start(4, 4, 1).await;
    let mut silent = Vec::new();
    for from in 2..6 {
        silent.push(server.connect(from).await);
    }
    // A part of a head, a part of a body, and an answered request.
    silent[1].write_all(b"GET /qui").await.unwrap();
    silent[2].write_all(POST.as_bytes()).await.unwrap();
    assert_eq!(status_of(&mut silent[3], GET).await, 200);
    let mut asked = Vec::new();
    for stream in &mut silent {
        advance(2 * SECOND).await;
        let mut client = server.sent(7, GET).await;
        assert_eq!(status(&mut client).await, 200);
        asked.push(client);
        assert!(is_closed(stream).await);
    }
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_longest_idle_connection_is_closed() {
    let server = Server::start(3, 3, 1).await;
    let mut first = server.connect(2).await;
    advance(SECOND).await;
    let mut second = server.connect(3).await;
    advance(SECOND).await;
    // It has sent a request since.
    assert_eq!(status_of(&mut first, GET).await, 200);
    let working = server.hang(4, 1).await;
    advance(3 * SECOND).await;
    assert_eq!(server.ask(5, GET).await, 200);
    assert!(is_closed(&mut second).await);
    assert_eq!(status_of(&mut first, GET).await, 200);
    drop(working);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_health_checks_are_answered_and_other_requests_get_503() {
    let server = Server::start(3, 3, 2).await;
    let working = server.hang(2, 3).await;
    advance(100 * SECOND).await;
    // Idle connections in spare slots are closed at once.
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(server.connect(3).await);
        settle().await;
    }
    for _ in 0..3 {
        assert_eq!(server.ask(4, HEALTH).await, 200);
        assert_eq!(server.ask(4, GET).await, 503);
    }
    drop(working);
    settle().await;
    assert_eq!(server.ask(4, GET).await, 200);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_address_has_its_own_limit() {
    let server = Server::start(8, 2, 1).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(server.connect(2).await);
        advance(2 * SECOND).await;
    }
    for stream in &mut silent[..4] {
        assert!(is_closed(stream).await);
    }
    assert_eq!(status_of(&mut silent[5], GET).await, 200);
    // While its requests run, the address gets health checks only; others are
    // not affected.
    let mut working = server.hang(3, 2).await;
    assert_eq!(server.ask(3, GET).await, 503);
    assert_eq!(server.ask(3, HEALTH).await, 200);
    working.extend(server.hang(4, 2).await);
    working.extend(server.hang(5, 2).await);
    drop(working);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_arriving_body_and_a_response_being_read_keep_their_connections() {
    let server = Server::start(2, 2, 1).await;
    let mut sender = server.sent(2, POST).await;
    let mut reader = server
        .sent(3, "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    for _ in 0..10 {
        sender.write_all(&[b'x'; 20_000]).await.unwrap();
        // More than the buffers of both ends.
        let mut some = vec![0; 12_000_000];
        reader.read_exact(&mut some).await.unwrap();
        advance(SECOND / 2).await;
        // No connection is idle.
        assert_eq!(server.ask(4, GET).await, 503);
    }
    // Both stop now. The system's buffers still drain for a moment.
    std::thread::sleep(SECOND / 4);
    settle().await;
    std::thread::sleep(SECOND / 4);
    advance(3 * SECOND).await;
    let working = server.hang(5, 2).await;
    assert!(is_closed(&mut sender).await);
    let mut rest = Vec::new();
    let _ = reader.read_to_end(&mut rest).await;
    drop(working);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dripping_body_counts_as_idle() {
    let server = Server::start(1, 1, 1).await;
    let mut dripping = server.sent(2, POST).await;
    for _ in 0..5 {
        dripping.write_all(b"x").await.unwrap();
        advance(SECOND / 2).await;
    }
    assert_eq!(server.ask(3, GET).await, 200);
    assert!(is_closed(&mut dripping).await);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_have_arrived_are_answered_when_the_server_stops() {
    let server = Server::start(4, 4, 1).await;
    let mut silent = server.connect(2).await;
    let mut asked = server.sent(2, POST).await;
    settle().await;
    server.stopped.cancel();
    settle().await;
    asked.write_all(&[b'x'; 1_000_000]).await.unwrap();
    assert_eq!(status(&mut asked).await, 200);
    assert!(is_closed(&mut silent).await);
    drop(asked);
    server.answering.await.unwrap();
}

#[test]
fn an_address_of_ipv6_counts_as_its_network() {
    for (one, other, same) in [
        ("10.0.0.1", "::ffff:10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false),
        ("2001:db8::1", "2001:db8::2:3:4:5", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        let [one, other] = [one, other].map(|text| connections::network(text.parse().unwrap()));
        assert_eq!(one == other, same, "{one} {other}");
    }
}
