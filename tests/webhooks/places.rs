//! Slow receivers delay no others.

use std::time::{Duration, Instant};

use facegen_outbound::HttpWebhooks;

use crate::receiver::{Receiver, Way};
use crate::server::Server;

/// Shorter than a receiver here is silent.
const IMMEDIATELY: Duration = Duration::from_secs(10);

#[tokio::test]
async fn receivers_that_hang_delay_no_job_and_no_other_key() {
    assert_eq!(HttpWebhooks::DEFAULT_DEADLINE, Duration::from_secs(30));
    let server = Server::start(HttpWebhooks::DEFAULT_DEADLINE).await;
    let hanging = Receiver::start(Way::Hangs).await;
    let good = Receiver::start(Way::Answers("200 OK")).await;
    let (slow, quick) = (server.new_key("slow").await, server.new_key("quick").await);
    let begin = Instant::now();
    for _ in 0..20 {
        server.make(slow, &hanging.url).await;
    }
    server.make(quick, &good.url).await;
    server.wait_for(&good.url, 1).await;
    assert!(begin.elapsed() < IMMEDIATELY);
    assert_eq!(hanging.requests(), 2, "a key has two slots");
}
