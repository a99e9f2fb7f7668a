//! The operator's bucket, and every failure on the way there.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use facegen_core::redact::Secret;
use tokio::net::TcpListener;

use crate::captured_log::{capture_log, log};
use crate::is_read_at;
use crate::moto::Moto;
use crate::no_acl::NoAcl;
use crate::proxy::{Proxy, Way};
use crate::seaweed::{PRIVATE, PUBLIC, SECRET, Seaweed};
use crate::server::{BUCKET_PATIENCE, Server};
use crate::{HERE, LEVELS, SOON};

#[tokio::test(flavor = "multi_thread")]
async fn after_every_fault_the_image_reaches_the_bucket() {
    capture_log(LEVELS);
    let seaweed = Seaweed::start().await;
    let proxy = Proxy::start(seaweed.address, Way::Open).await;
    let server = Server::start(seaweed.settings(PUBLIC, proxy.address)).await;
    let base = format!("http://{}/{PUBLIC}/generations/", seaweed.address);

    let answer = server.make_gen().await;
    assert_eq!(answer["meta"]["temp"], "no", "{answer}");
    is_read_at(&server, &answer, &base).await;
    for way in [
        Way::Answers(500, "InternalError"),
        Way::Answers(503, "SlowDown"),
        Way::Answers(403, "AccessDenied"),
        Way::Answers(403, "RequestTimeTooSkewed"),
        Way::Answers(404, "NoSuchBucket"),
        Way::Breaks,
        Way::Swallows,
        Way::Slow,
    ] {
        proxy.set(way);
        let begin = Instant::now();
        let answer = server.make_gen().await;
        let took = begin.elapsed();
        assert_eq!(answer["meta"]["temp"], "yes", "{way:?}: {answer}");
        assert!(took < BUCKET_PATIENCE + SOON, "{way:?}: {took:?}");
        is_read_at(&server, &answer, HERE).await;
        proxy.set(Way::Open);
        let fetched = server.fetch_from_bucket(&answer["id"], &base).await;
        is_read_at(&server, &fetched, &base).await;
        // The first link still works.
        is_read_at(&server, &answer, HERE).await;
    }
    let log = log();
    assert!(log.contains("bucket failed"));
    for secret in server.prefixes().iter().map(String::as_str).chain([SECRET]) {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_served_from_here_while_the_endpoint_is_down() {
    capture_log(LEVELS);
    let seaweed = Seaweed::start().await;
    let address = free_address().await;
    let server = Server::start(seaweed.settings(PUBLIC, address)).await;
    let begin = Instant::now();
    let answer = server.make_gen().await;
    assert!(begin.elapsed() < SOON, "a refusal is known at once");
    is_read_at(&server, &answer, HERE).await;
    let _proxy = Proxy::start_at(address, seaweed.address, Way::Open).await;
    let base = format!("http://{}/{PUBLIC}/generations/", seaweed.address);
    let fetched = server.fetch_from_bucket(&answer["id"], &base).await;
    is_read_at(&server, &fetched, &base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_gets_the_image_once_it_is_created() {
    capture_log(LEVELS);
    let (moto, seaweed) = (Moto::start().await, Seaweed::start().await);
    let mut settings = seaweed.settings("pictures", moto.address);
    settings.public_url = format!("http://{}/pictures/generations", moto.address);
    let base = settings.public_url.clone();
    let server = Server::start(settings).await;
    let answer = server.make_gen().await;
    is_read_at(&server, &answer, HERE).await;
    moto.make_bucket("pictures").await;
    let fetched = server.fetch_from_bucket(&answer["id"], &base).await;
    is_read_at(&server, &fetched, &base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_the_bucket_refuses_or_hides_are_served_from_here() {
    capture_log(LEVELS);
    let seaweed = Seaweed::start().await;
    let mut wrong = seaweed.settings(PUBLIC, seaweed.address);
    wrong.secret_access_key = Secret::new("another secret".to_owned());
    let hidden = seaweed.settings(PRIVATE, seaweed.address);
    for settings in [wrong, hidden] {
        let server = Server::start(settings).await;
        let answer = server.make_gen().await;
        assert_eq!(answer["meta"]["temp"], "yes", "{answer}");
        is_read_at(&server, &answer, HERE).await;
    }
    assert!(!log().contains("another secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_acls_works() {
    capture_log(LEVELS);
    let seaweed = Seaweed::start().await;
    for status in [400, 403] {
        let no_acl = NoAcl::start(seaweed.address, status).await;
        let server = Server::start(seaweed.settings(PUBLIC, no_acl.address)).await;
        for _ in 0..2 {
            let answer = server.make_gen().await;
            let base = format!("http://{}/{PUBLIC}/generations/", seaweed.address);
            is_read_at(&server, &answer, &base).await;
        }
        assert_eq!(no_acl.asked(), 1, "it is remembered");
    }
}

/// Returns an address on which no process listens.
async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap()
}
