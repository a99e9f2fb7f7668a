//! Webhooks to receivers of every kind.

use std::time::UNIX_EPOCH;

use facegen_core::fake::ManualClock;
use facegen_core::redact::{SafeUrl, Secret};
use facegen_core::{SystemClock, WebhookSecret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::*;
use crate::testing::{FakeResolver, Host, PERMITTED, guard, read_head};

const BODY: &str = r#"{"status":"success","id":7,"output":["https://example.com/ä.png"]}"#;
/// For receivers that answer.
const PATIENT: Duration = Duration::from_secs(20);

fn webhooks(clock: Arc<dyn Clock>, deadline: Duration) -> HttpWebhooks {
    HttpWebhooks::new(guard(&FakeResolver::empty()), clock, deadline)
}

async fn send_to(url: String, deadline: Duration) -> WebhookOutcome {
    let message = WebhookMessage {
        id: "delivery-7".into(),
        url: SafeUrl::from(url),
        body: BODY.into(),
        secret: Some(WebhookSecret::new(Secret::new([7; 32]))),
    };
    webhooks(Arc::new(SystemClock), deadline)
        .send(&message)
        .await
}

async fn outcome_of(status: &str) -> WebhookOutcome {
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    send_to(Host::answering(answer).await.url("/"), PATIENT).await
}

fn retry(reason: &str) -> WebhookOutcome {
    WebhookOutcome::Retry {
        after: None,
        reason: reason.into(),
    }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_sent() {
    let (sender, mut requests) = mpsc::channel(1);
    let host = Host::start(PERMITTED, move |mut stream| {
        let sender = sender.clone();
        async move {
            let head = read_head(&mut stream).await?;
            let mut body = vec![0; BODY.len()];
            stream.read_exact(&mut body).await?;
            sender
                .send((head, body))
                .await
                .map_err(std::io::Error::other)?;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await
        }
    })
    .await;
    let url = host.url("/hook?secret=a%2Fb%2fc+d&x=/%20&&y=%C3%BC&z==");
    assert_eq!(send_to(url, PATIENT).await, WebhookOutcome::Delivered);
    let (head, body) = requests.recv().await.unwrap();
    let (of_now, mut lines): (Vec<&str>, Vec<&str>) = head.trim_end().lines().partition(|line| {
        line.starts_with("webhook-timestamp: ") || line.starts_with("webhook-signature: v1,")
    });
    assert_eq!(of_now.len(), 2, "{head}");
    lines[1..].sort_unstable();
    let expected = [
        "POST /hook?secret=a%2Fb%2fc+d&x=/%20&&y=%C3%BC&z== HTTP/1.1",
        "accept: */*",
        &format!("content-length: {}", BODY.len()),
        "content-type: application/json",
        &format!("host: {}", host.address),
        &format!("user-agent: facegen/{}", env!("CARGO_PKG_VERSION")),
        "webhook-id: delivery-7",
    ];
    assert_eq!(lines, expected);
    assert_eq!(body, BODY.as_bytes());
}

#[tokio::test]
async fn the_status_decides() {
    for status in [200, 201, 202, 204, 299] {
        let outcome = outcome_of(&format!("{status} Fine")).await;
        assert_eq!(outcome, WebhookOutcome::Delivered, "{status}");
    }
    for status in [
        300, 301, 304, 307, 400, 401, 404, 409, 411, 422, 429, 500, 503, 599,
    ] {
        let outcome = outcome_of(&format!("{status} Bad")).await;
        assert_eq!(outcome, retry(&format!("the receiver answered {status}")));
    }
    let reason = "the receiver answered 410".to_owned();
    assert_eq!(
        outcome_of("410 Gone").await,
        WebhookOutcome::Refused { reason }
    );
}

#[tokio::test]
async fn a_redirect_does_not_count_as_delivery() {
    let target = Host::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let head = format!("308 Moved\r\nlocation: {}", target.url("/"));
    assert_eq!(outcome_of(&head).await, retry("the receiver answered 308"));
    assert_eq!(target.connections(), 0);
}

#[test]
fn a_receiver_can_ask_for_a_pause() {
    let clock = ManualClock::new();
    // Dates have whole seconds.
    clock.advance(Duration::from_millis(
        1000 - clock.now().as_millis().unsigned_abs() % 1000,
    ));
    let now = UNIX_EPOCH + Duration::from_millis(clock.now().as_millis().unsigned_abs());
    let date = |offset| httpdate::fmt_http_date(now + Duration::from_secs(offset));
    let past = httpdate::fmt_http_date(now - Duration::from_secs(90));
    let webhooks = webhooks(Arc::new(clock), PATIENT);
    for (text, seconds) in [
        ("120", Some(120)),
        ("0", Some(0)),
        (" 7 ", Some(7)),
        (date(90).as_str(), Some(90)),
        (past.as_str(), Some(0)),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("99999999999999999999999", None),
        ("", None),
    ] {
        let answer = Answer {
            status: 503,
            retry_after: Some(text.to_owned()),
        };
        let WebhookOutcome::Retry { after, .. } = webhooks.outcome(&answer) else {
            panic!("{text}");
        };
        assert_eq!(after, seconds.map(Duration::from_secs), "{text}");
    }
}

#[tokio::test]
async fn the_header_reaches_the_outcome() {
    let expected = WebhookOutcome::Retry {
        after: Some(Duration::from_secs(17)),
        reason: "the receiver answered 429".into(),
    };
    assert_eq!(outcome_of("429 Slow\r\nRetry-After: 17").await, expected);
}

#[tokio::test]
async fn receivers_that_do_not_answer_are_retried() {
    let short = Duration::from_millis(200);
    let silent = Host::start(PERMITTED, |mut stream| async move {
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    });
    let outcome = send_to(silent.await.url("/"), short).await;
    assert_eq!(
        outcome,
        retry("the receiver did not answer within 0.2 seconds")
    );
    let closing = Host::start(PERMITTED, |_| async { Ok(()) }).await;
    for url in [
        closing.url("/"),
        "http://127.0.0.2:8/".to_owned(),
        "http://unknown.test/".to_owned(),
    ] {
        let outcome = send_to(url, PATIENT).await;
        assert_eq!(outcome, retry("the receiver cannot be reached"));
    }
}

#[tokio::test]
async fn the_body_of_an_answer_is_not_read() {
    let (sender, mut written) = mpsc::channel(1);
    let host = Host::start(PERMITTED, move |mut stream| {
        let sender = sender.clone();
        async move {
            read_head(&mut stream).await?;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
                .await?;
            let mut bytes: u64 = 0;
            while stream.write_all(&[0; 1000]).await.is_ok() {
                bytes += 1000;
            }
            sender.send(bytes).await.map_err(std::io::Error::other)
        }
    })
    .await;
    assert_eq!(
        send_to(host.url("/"), PATIENT).await,
        WebhookOutcome::Delivered
    );
    // What the sockets buffer, and no more.
    let bytes = written.recv().await.unwrap();
    assert!(bytes < 16_000_000, "{bytes}");
}
