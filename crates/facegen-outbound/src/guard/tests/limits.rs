//! Hosts that send too much, too slowly, or something else.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::redact::SafeUrl;
use facegen_core::{FaceReader, SystemClock, WebhookMessage, WebhookSender};
use facegen_image::ImageLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::super::*;
use crate::testing::{FakeResolver, Host, LogCapture, PERMITTED, guard, read_head};
use crate::{Faces, HttpWebhooks};

const LIMIT: usize = 1000;
/// For hosts that answer.
const PATIENT: Duration = Duration::from_secs(20);
/// For hosts that never do.
const SHORT: Duration = Duration::from_millis(200);

async fn get(url: &str, deadline: Duration) -> Result<Vec<u8>, GuardError> {
    guard(&FakeResolver::empty())
        .get(&SafeUrl::from(url), LIMIT, deadline)
        .await
}

async fn answer(answer: impl Into<Vec<u8>>) -> Result<Vec<u8>, GuardError> {
    get(&Host::answering(answer).await.url("/"), PATIENT).await
}

fn with_body(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), body].concat()
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_read() {
    let head = format!("200 OK\r\ncontent-length: {LIMIT}");
    let body = vec![7; LIMIT];
    assert_eq!(answer(with_body(&head, &body)).await, Ok(body.clone()));
    // Without a length the end of the connection is the end of the body.
    assert_eq!(answer(with_body("200 OK", &body)).await, Ok(body));
}

#[tokio::test]
async fn a_longer_body_is_refused_by_its_header_or_by_its_bytes() {
    let too_long = Err(GuardError::TooLong { max_bytes: LIMIT });
    let head = format!("200 OK\r\ncontent-length: {}", LIMIT + 1);
    assert_eq!(answer(with_body(&head, b"")).await, too_long);
    assert_eq!(answer(with_body("200 OK", &[7; LIMIT + 1])).await, too_long);
    let huge = format!("200 OK\r\ncontent-length: {}", u64::MAX / 4);
    assert_eq!(answer(with_body(&huge, b"")).await, too_long);
}

#[tokio::test]
async fn an_endless_body_ends_when_the_limit_is_passed() {
    let (ended, mut end) = mpsc::channel::<()>(1);
    let host = Host::start(PERMITTED, move |mut stream| {
        let ended = ended.clone();
        async move {
            read_head(&mut stream).await?;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                .await?;
            while stream.write_all(b"4\r\nabcd\r\n").await.is_ok() {}
            ended.send(()).await.map_err(std::io::Error::other)
        }
    })
    .await;
    let error = get(&host.url("/"), PATIENT).await.unwrap_err();
    assert_eq!(error, GuardError::TooLong { max_bytes: LIMIT });
    end.recv().await.unwrap();
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_refused() {
    let short = answer(with_body("200 OK\r\ncontent-length: 10", b"abc")).await;
    assert!(matches!(short, Err(GuardError::BrokenOff(_))), "{short:?}");
    let long = answer(with_body("200 OK\r\ncontent-length: 3", b"abcdef")).await;
    assert_eq!(long, Ok(b"abc".to_vec()));
}

#[tokio::test]
async fn a_compressed_body_stays_compressed() {
    // Six bytes of gzip's header would be refused if they were decompressed.
    let packed = [0x1f, 0x8b, 8, 0, 0, 0];
    let head = "200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 6";
    assert_eq!(answer(with_body(head, &packed)).await, Ok(packed.to_vec()));
}

#[tokio::test]
async fn only_success_has_a_body() {
    for status in [204, 205, 300, 304, 400, 404, 410, 429, 500, 503] {
        let head = format!("{status} Some\r\ncontent-length: 0");
        assert_eq!(
            answer(with_body(&head, b"")).await,
            Err(GuardError::Status(status))
        );
    }
    let nowhere = answer(with_body("302 Found\r\ncontent-length: 0", b"")).await;
    assert_eq!(nowhere, Err(GuardError::Status(302)));
}

#[tokio::test]
async fn a_host_that_does_not_speak_http_is_unreachable() {
    for garbage in ["SSH-2.0-OpenSSH_9\r\n", "HTTP/1.1 abc\r\n\r\n"] {
        let error = answer(garbage).await.unwrap_err();
        assert!(
            matches!(error, GuardError::Unreachable(_)),
            "{garbage}: {error:?}"
        );
    }
    let endless_head = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(200_000));
    let error = answer(endless_head).await.unwrap_err();
    assert!(matches!(error, GuardError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn redirects_are_followed_five_times() {
    let host = Host::start(PERMITTED, |mut stream| async move {
        let head = read_head(&mut stream).await?;
        let left: usize = head["GET /".len()..]
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let status = [301, 302, 303, 307, 308][left % 5];
        let answer = match left.checked_sub(1) {
            None => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
            Some(left) => {
                format!("HTTP/1.1 {status} Go\r\nlocation: /{left}\r\ncontent-length: 0\r\n\r\n")
            }
        };
        stream.write_all(answer.as_bytes()).await
    })
    .await;
    assert_eq!(get(&host.url("/5"), PATIENT).await, Ok(b"ok".to_vec()));
    let error = get(&host.url("/6"), PATIENT).await.unwrap_err();
    assert_eq!(error, GuardError::TooManyRedirects(5));
    assert_eq!(host.connections(), 12);
}

#[tokio::test]
async fn hosts_that_never_end_are_dropped_at_the_deadline() {
    let silent = Host::start(PERMITTED, |mut stream| async move {
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    });
    // One byte after another, for ever: of the head, and of the body.
    let drip = |start: &'static [u8]| {
        Host::start(PERMITTED, move |mut stream| async move {
            read_head(&mut stream).await?;
            stream.write_all(start).await?;
            loop {
                stream.write_all(b"a").await?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    let hosts = [
        silent.await,
        drip(b"HTTP/1.1 200 OK\r\nx: ").await,
        drip(b"HTTP/1.1 200 OK\r\n\r\n").await,
        Host::answering("HTTP/1.1 302 Go\r\nlocation: /\r\ncontent-length: 0\r\n\r\n").await,
    ];
    for host in &hosts[..3] {
        let error = get(&host.url("/"), SHORT).await.unwrap_err();
        assert_eq!(error, GuardError::TimedOut(SHORT));
    }
    assert_eq!(
        get(&hosts[3].url("/"), PATIENT).await,
        Err(GuardError::TooManyRedirects(5))
    );
}

#[tokio::test]
async fn the_deadline_covers_the_lookup_of_the_name() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait::async_trait]
    impl NameResolver for Silent {
        async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            std::future::pending().await
        }
    }
    let guard = Guard::with_resolver(Networks::default(), Arc::new(Silent)).unwrap();
    let error = guard.get(&"http://slow.test/".into(), LIMIT, SHORT).await;
    assert_eq!(error, Err(GuardError::TimedOut(SHORT)));
}

#[tokio::test]
async fn a_request_names_its_user_agent_and_no_more() {
    let (sender, mut heads) = mpsc::channel(1);
    let host = Host::start(PERMITTED, move |mut stream| {
        let sender = sender.clone();
        async move {
            let head = read_head(&mut stream).await?;
            sender.send(head).await.map_err(std::io::Error::other)?;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")
                .await
        }
    })
    .await;
    let guard = guard(&FakeResolver::empty());
    for _ in 0..2 {
        let url = SafeUrl::from(host.url("/a%2Fb?sig=x%2fY+z==&s=/%20#part"));
        guard.get(&url, LIMIT, PATIENT).await.unwrap();
        let head = heads.recv().await.unwrap();
        let mut lines: Vec<&str> = head.trim_end().lines().collect();
        lines[1..].sort_unstable();
        let host_line = format!("host: {}", host.address);
        let agent = format!("user-agent: facegen/{}", env!("CARGO_PKG_VERSION"));
        let expected = [
            "GET /a%2Fb?sig=x%2fY+z==&s=/%20 HTTP/1.1",
            "accept: */*",
            &host_line,
            &agent,
        ];
        assert_eq!(lines, expected);
    }
}

#[tokio::test]
async fn errors_for_callers_name_the_field() {
    let limits = ImageLimits::default();
    let sentence = async |host: &Host| {
        let faces = Faces::new(guard(&FakeResolver::empty()), limits, SHORT);
        faces
            .fetch(&host.url("/").into())
            .await
            .unwrap_err()
            .message
    };
    let missing = Host::answering("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(
        sentence(&missing).await,
        "face_image cannot be fetched, its server answered 404"
    );
    let long = Host::answering("HTTP/1.1 200 OK\r\ncontent-length: 10000001\r\n\r\n").await;
    assert_eq!(
        sentence(&long).await,
        "face_image must not be longer than 10 MB"
    );
    let silent = Host::start(PERMITTED, |mut stream| async move {
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    });
    assert_eq!(
        sentence(&silent.await).await,
        "face_image cannot be fetched within 0.2 seconds"
    );
}

#[tokio::test]
async fn no_log_line_holds_a_secret_of_a_url() {
    let log = LogCapture::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let host = Host::answering("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").await;
    let guard = guard(&FakeResolver::empty());
    let faces = Faces::new(guard.clone(), ImageLimits::default(), PATIENT);
    let webhooks = HttpWebhooks::new(guard, Arc::new(SystemClock), PATIENT);
    for url in [
        host.url("/hunter2?sig=hunter2#hunter2"),
        "http://hunter2:hunter2@example.com/seen?hunter2".to_owned(),
        "http://unknown.test/seen?hunter2".to_owned(),
        "http://127.0.0.2:1/seen?hunter2".to_owned(),
        "http://127.0.0.2:8/seen?hunter2".to_owned(),
        "http://10.0.0.1/seen?hunter2".to_owned(),
        "hunter2".to_owned(),
    ] {
        let url = SafeUrl::from(url);
        let error = faces.fetch(&url).await.unwrap_err();
        let body = "{\"prompt\":\"hunter2\"}".to_owned();
        let message = WebhookMessage {
            id: "delivery-1".into(),
            url,
            body,
            secret: None,
        };
        let outcome = webhooks.send(&message).await;
        let reported = format!("{error:?} {outcome:?}");
        assert!(!reported.contains("hunter2"), "{reported}");
    }
    let text = log.text();
    assert!(text.contains("face image cannot be fetched"), "{text}");
    assert!(text.contains("failed to deliver webhook"), "{text}");
    assert!(text.contains("http://unknown.test/[redacted]"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
