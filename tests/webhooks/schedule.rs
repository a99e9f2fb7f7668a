//! When failed deliveries are retried.
//!
//! All tasks of a test are on one thread, so that an attempt is stored before
//! the test, which is notified of it, moves the clock.

use std::time::Duration;

use facegen_core::KeyId;
use facegen_core::{Clock, WebhookOutcome};

use crate::receiver::{Receiver, Way};
use crate::server::Server;

/// The documented pauses, in seconds.
const PAUSES: [u64; 7] = [5, 30, 120, 600, 3_600, 10_800, 28_800];

/// How long a receiver may be silent here; the server's own limit is longer.
const SHORT: Duration = Duration::from_millis(300);

/// A server, and a receiver that answers at once.
struct Harness {
    server: Server,
    good: Receiver,
    key: KeyId,
}

impl Harness {
    async fn new() -> Self {
        let server = Server::start(SHORT).await;
        Self {
            key: server.new_key("good").await,
            good: Receiver::start(Way::Answers("200 OK")).await,
            server,
        }
    }

    /// Delivers a webhook to a receiver that answers. Deliveries that were due
    /// before it have begun by then.
    async fn deliver(&self) {
        let before = self.server.attempts(&self.good.url).len();
        self.server.make(self.key, &self.good.url).await;
        self.server.wait_for(&self.good.url, before + 1).await;
    }

    /// Makes a job with a key of its own and a webhook to `receiver`.
    async fn make(&self, receiver: &str) {
        let key = self.server.new_key(receiver).await;
        self.server.make(key, receiver).await;
    }

    /// Moves the clock by a part of `pause` seconds, and delivers what is due.
    async fn advance(&self, pause: u64, part: f64) {
        let time = Duration::from_secs(pause).mul_f64(part);
        self.server.clock.advance(time);
        self.deliver().await;
    }
}

#[tokio::test]
async fn every_fault_keeps_the_schedule_and_delays_nothing() {
    let mut harness = Harness::new().await;
    let target = Receiver::start(Way::Answers("200 OK")).await;
    let moved: &'static str = format!("301 Moved\r\nlocation: {}", target.url).leak();
    let other: &'static str = format!("307 Elsewhere\r\nlocation: {}", target.url).leak();
    let mut receivers = Vec::new();
    for way in [
        Way::Hangs,
        Way::Resets,
        Way::Answers(moved),
        Way::Answers(other),
        Way::Answers("500 Internal Server Error"),
    ] {
        receivers.push(Receiver::start(way).await);
    }
    let mut failing: Vec<String> = receivers.iter().map(|one| one.url.clone()).collect();
    failing.push(Receiver::unreachable_url().await);
    failing.push("http://unknown.example/hook".to_owned());
    for receiver in &failing {
        harness.make(receiver).await;
    }
    for (attempt, pause) in (1..).zip(PAUSES) {
        for receiver in &failing {
            let attempts = harness.server.wait_for(receiver, attempt).await;
            assert_eq!(attempts.len(), attempt, "{receiver}");
            assert!(attempts.iter().all(|one| one.id == attempts[0].id));
            let outcome = &attempts[attempt - 1].outcome;
            assert!(
                matches!(outcome, WebhookOutcome::Retry { after: None, .. }),
                "{receiver}: {outcome:?}"
            );
        }
        if attempt == 3 {
            harness.server = harness.server.restart().await;
        }
        harness.advance(pause, 0.79).await;
        for receiver in &failing {
            assert_eq!(
                harness.server.attempts(receiver).len(),
                attempt,
                "{receiver}"
            );
        }
        harness.advance(pause, 0.42).await;
    }
    for receiver in &failing {
        harness.server.wait_for(receiver, 8).await;
    }
    harness.server.clock.advance(Duration::from_hours(8));
    harness.deliver().await;
    for receiver in &failing {
        assert_eq!(harness.server.attempts(receiver).len(), 8, "{receiver}");
    }
    assert_eq!(target.requests(), 0, "no redirect is followed");
}

#[tokio::test]
async fn a_receiver_that_recovers_gets_its_webhook() {
    let harness = Harness::new().await;
    let receiver = Receiver::start(Way::Recovers(5)).await;
    harness.make(&receiver.url).await;
    for (attempt, pause) in (1..=5).zip(PAUSES) {
        harness.server.wait_for(&receiver.url, attempt).await;
        harness
            .server
            .clock
            .advance(Duration::from_secs(pause).mul_f64(1.21));
        harness.deliver().await;
    }
    let attempts = harness.server.wait_for(&receiver.url, 6).await;
    assert_eq!(attempts[5].outcome, WebhookOutcome::Delivered);
    harness.server.clock.advance(Duration::from_hours(10));
    harness.deliver().await;
    assert_eq!(receiver.requests(), 6);
}

#[tokio::test]
async fn status_410_ends_the_delivery() {
    let harness = Harness::new().await;
    let receiver = Receiver::start(Way::Answers("410 Gone")).await;
    harness.make(&receiver.url).await;
    let attempts = harness.server.wait_for(&receiver.url, 1).await;
    assert!(matches!(
        attempts[0].outcome,
        WebhookOutcome::Refused { .. }
    ));
    harness.server.clock.advance(Duration::from_hours(10));
    harness.deliver().await;
    assert_eq!(receiver.requests(), 1);
}

#[tokio::test]
async fn a_pause_that_a_receiver_asks_for_is_limited() {
    for (head, seconds) in [
        ("429 Too Many Requests\r\nretry-after: 4000", 4_000),
        ("503 Service Unavailable\r\nretry-after: 999999999", 86_400),
    ] {
        let harness = Harness::new().await;
        let receiver = Receiver::start(Way::Asks(head)).await;
        harness.make(&receiver.url).await;
        let asked = harness.server.wait_for(&receiver.url, 1).await[0].at;
        harness
            .server
            .clock
            .advance(Duration::from_secs(seconds - 1));
        harness.deliver().await;
        assert_eq!(receiver.requests(), 1);
        harness.server.clock.advance(Duration::from_secs(1));
        harness.deliver().await;
        let attempts = harness.server.wait_for(&receiver.url, 2).await;
        assert_eq!(attempts[1].outcome, WebhookOutcome::Delivered);
        assert_eq!(harness.server.clock.now().since(asked).as_secs(), seconds);
    }
}

#[tokio::test]
async fn a_body_of_a_gigabyte_is_not_read() {
    let harness = Harness::new().await;
    let receiver = Receiver::start(Way::Floods).await;
    harness.make(&receiver.url).await;
    let attempts = harness.server.wait_for(&receiver.url, 1).await;
    assert_eq!(attempts[0].outcome, WebhookOutcome::Delivered);
    // What the sockets buffer, and no more.
    let bytes = receiver.flooded().await;
    assert!(bytes < 16_000_000, "{bytes}");
}
