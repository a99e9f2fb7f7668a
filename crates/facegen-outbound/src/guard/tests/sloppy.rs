//! Hosts that speak HTTP as loosely as browsers accept, and fail temporarily.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use facegen_core::redact::SafeUrl;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::*;
use crate::testing::{FakeResolver, Host, PERMITTED, guard, read_head};

const DEADLINE: Duration = Duration::from_secs(20);
const LIMIT: usize = 1000;

async fn get(url: &str, deadline: Duration) -> Result<Vec<u8>, GuardError> {
    guard(&FakeResolver::empty())
        .get(&SafeUrl::from(url), LIMIT, deadline)
        .await
}

/// Converts each character of a table to a byte.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|letter| letter as u8).collect()
}

/// Returns the outcome, as the tables name it.
fn outcome(got: &Result<Vec<u8>, GuardError>) -> String {
    match got {
        Ok(body) if body == b"ok" => "read".to_owned(),
        Ok(body) => format!("read as {body:?}"),
        Err(GuardError::Status(status)) => format!("status {status}"),
        Err(GuardError::Part) => "part".to_owned(),
        Err(GuardError::BrokenOff(_)) => "broken off".to_owned(),
        Err(GuardError::Unreachable(_)) => "unreachable".to_owned(),
        Err(GuardError::RedirectRefused(_)) => "refused".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A head, how many more headers it has, a body, and the outcome.
#[derive(Deserialize)]
struct Case {
    kind: String,
    head: String,
    many: usize,
    body: String,
    outcome: String,
}

impl Case {
    fn answer(&self) -> Vec<u8> {
        let mut answer = bytes(&self.head);
        for number in 0..self.many {
            answer.extend_from_slice(format!("x-{number}: {number}\r\n").as_bytes());
        }
        answer.extend_from_slice(b"\r\n");
        answer.extend(bytes(&self.body));
        answer
    }
}

#[tokio::test]
async fn every_answer_of_the_table_is_read_as_browsers_read_it() {
    let cases = include_str!("../../../tests/assets/answers.json");
    let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() >= 80);
    for case in cases {
        let host = Host::answering(case.answer()).await;
        let got = get(&host.url("/"), DEADLINE).await;
        let Case { kind, head, .. } = &case;
        assert_eq!(outcome(&got), case.outcome, "{kind}: {head:?} {got:?}");
    }
}

/// The location of a redirect, and the path that is requested then, or the outcome.
#[derive(Deserialize)]
struct Redirect {
    location: String,
    target: String,
}

#[tokio::test]
async fn every_location_of_the_table_is_resolved_as_browsers_do() {
    let cases = include_str!("../../../tests/assets/locations.json");
    let cases: Vec<Redirect> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() >= 30);
    for Redirect { location, target } in cases {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (heard, sent) = (Arc::clone(&asked), location.clone());
        let host = Host::start(PERMITTED, move |stream| {
            lead(stream, Arc::clone(&heard), sent.clone())
        });
        let host = host.await;
        let got = get(&host.url("/from/here"), DEADLINE).await;
        let asked = asked.lock().unwrap().clone();
        if target.starts_with('/') {
            assert_eq!(outcome(&got), "read", "{location:?}");
            assert_eq!(asked, [target], "{location:?}");
        } else {
            assert_eq!(outcome(&got), target, "{location:?}");
            assert!(asked.is_empty(), "{location:?}: {asked:?}");
        }
    }
}

/// Redirects the first request, and records the path of the second.
async fn lead(
    mut stream: TcpStream,
    asked: Arc<Mutex<Vec<String>>>,
    location: String,
) -> std::io::Result<()> {
    let own = format!("http://{}", stream.local_addr()?);
    let head = read_head(&mut stream).await?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if path == "/from/here" {
        let location = location.replace("{host}", &own);
        let head =
            format!("HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: {location}\r\n\r\n");
        return stream.write_all(&bytes(&head)).await;
    }
    asked.lock().unwrap().push(path);
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    stream.write_all(answer).await
}

/// What a host does with one connection.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// It answers with this status.
    Status(u16),
    /// It sends a part of the image and resets the connection.
    ResetsInBody,
    /// It resets the connection without an answer.
    Resets,
    /// It ends the connection without an answer.
    Ends,
    /// It ends the connection within the head.
    EndsInHead,
    /// It sends less than it announces.
    EndsInBody,
    /// It sends something that is not HTTP.
    Garbage,
    /// It never answers.
    Silent,
    /// It sends the image.
    Works,
}

/// Starts a host that takes these steps, and repeats the last one.
async fn stepping(steps: &'static [Step]) -> Host {
    let taken = Arc::new(Mutex::new(0));
    Host::start(PERMITTED, move |stream| {
        let mut taken = taken.lock().unwrap();
        let step = steps[(*taken).min(steps.len() - 1)];
        *taken += 1;
        take(stream, step)
    })
    .await
}

async fn take(mut stream: TcpStream, step: Step) -> std::io::Result<()> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
    if matches!(step, Step::Resets | Step::ResetsInBody) {
        // Closing with unread data resets the connection.
        stream.read_u8().await?;
        let start: &[u8] = if matches!(step, Step::Resets) {
            b""
        } else {
            HEAD
        };
        stream.write_all(start).await?;
        return Ok(());
    }
    read_head(&mut stream).await?;
    let answer: Vec<u8> = match step {
        Step::Status(status) => {
            format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n").into_bytes()
        }
        Step::EndsInHead => HEAD[..20].to_vec(),
        Step::EndsInBody => [HEAD, b"o"].concat(),
        Step::Garbage => b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        Step::Silent => return stream.read_to_end(&mut Vec::new()).await.map(drop),
        Step::Works => [HEAD, b"ok"].concat(),
        Step::Ends | Step::Resets | Step::ResetsInBody => Vec::new(),
    };
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

#[tokio::test]
async fn only_temporary_failures_are_retried_once() {
    use Step::{
        Ends, EndsInBody, EndsInHead, Garbage, Resets, ResetsInBody, Silent, Status, Works,
    };
    let cases: [(&[Step], &str, usize); 20] = [
        (&[Status(502), Works], "read", 2),
        (&[Status(503), Works], "read", 2),
        (&[Status(504), Works], "read", 2),
        (&[Resets, Works], "read", 2),
        (&[ResetsInBody, Works], "read", 2),
        (&[Ends, Works], "read", 2),
        (&[EndsInHead, Works], "read", 2),
        (&[EndsInBody, Works], "read", 2),
        (&[Status(503)], "status 503", 2),
        (&[Status(502), Status(404), Works], "status 404", 2),
        (&[Status(503), Resets, Works], "broken off", 2),
        (&[Resets], "broken off", 2),
        (&[EndsInBody], "broken off", 2),
        (&[Resets, Status(504), Works], "status 504", 2),
        (&[Status(500), Works], "status 500", 1),
        (&[Status(501), Works], "status 501", 1),
        (&[Status(505), Works], "status 505", 1),
        (&[Status(429), Works], "status 429", 1),
        (&[Status(404), Works], "status 404", 1),
        (&[Garbage, Works], "unreachable", 1),
    ];
    for (steps, expected, connections) in cases {
        let host = stepping(steps).await;
        let got = get(&host.url("/"), DEADLINE).await;
        assert_eq!(outcome(&got), expected, "{steps:?}: {got:?}");
        assert_eq!(host.connections(), connections, "{steps:?}");
    }
    // The deadline covers both attempts, and the first failure is reported.
    let host = stepping(&[Status(503), Silent]).await;
    let got = get(&host.url("/"), Duration::from_secs(1)).await;
    assert_eq!(outcome(&got), "status 503");
    assert_eq!(host.connections(), 2);
}

#[tokio::test]
async fn the_second_attempt_is_checked_like_the_first() {
    let host = stepping(&[Step::Status(503), Step::Works]).await;
    let resolver = FakeResolver::knowing("rebind.test", &[&["127.0.0.2"], &["127.0.0.1"]]);
    let url = format!("http://rebind.test:{}/", host.address.port());
    let got = guard(&resolver)
        .get(&url.as_str().into(), LIMIT, DEADLINE)
        .await;
    let inner = "127.0.0.1".parse().unwrap();
    assert_eq!(got, Err(GuardError::Refused(Refusal::Resolved(inner))));
    assert_eq!(resolver.asked().len(), 2);
    assert_eq!(host.connections(), 1);
}

#[tokio::test]
async fn a_redirect_that_fails_temporarily_is_followed_from_the_beginning() {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&taken);
    let host = Host::start(PERMITTED, move |mut stream| {
        let heard = Arc::clone(&heard);
        async move {
            let head = read_head(&mut stream).await?;
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let is_third = {
                let mut heard = heard.lock().unwrap();
                heard.push(path.clone());
                heard.len() > 2
            };
            let answer = match (path.as_str(), is_third) {
                ("/a", _) => "HTTP/1.1 302 Go\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n",
                (_, false) => "HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n",
                (_, true) => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            };
            stream.write_all(answer.as_bytes()).await
        }
    });
    let got = get(&host.await.url("/a"), DEADLINE).await;
    assert_eq!(outcome(&got), "read");
    assert_eq!(*taken.lock().unwrap(), ["/a", "/b", "/a", "/b"]);
}

#[tokio::test]
async fn requests_carry_the_user_agent_of_the_operator() {
    let agents = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&agents);
    let host = Host::start(PERMITTED, move |mut stream| {
        let heard = Arc::clone(&heard);
        async move {
            let head = read_head(&mut stream).await?;
            let agent = head
                .lines()
                .find_map(|line| line.strip_prefix("user-agent: "));
            heard
                .lock()
                .unwrap()
                .push(agent.unwrap_or_default().to_owned());
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await
        }
    });
    let url = SafeUrl::from(host.await.url("/"));
    let networks = crate::testing::only_permitted;
    let named = "facegen/1 (me@example.com)";
    for guard in [
        Guard::new(networks()),
        Guard::with_user_agent(networks(), named),
    ] {
        assert!(guard.unwrap().get(&url, LIMIT, DEADLINE).await.is_ok());
    }
    assert_eq!(*agents.lock().unwrap(), [Guard::USER_AGENT, named]);
    assert!(Guard::with_user_agent(networks(), "a\nb").is_err());
}
