//! Buckets that keys configure.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use facegen_outbound::Networks;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::captured_log::{capture_log, log};
use crate::is_read_at;
use crate::moto::Moto;
use crate::no_acl::NoAcl;
use crate::plain::{Behaviour, Plain};
use crate::proxy::{Proxy, Way};
use crate::seaweed::{KEY_ID, PRIVATE, PUBLIC, SECRET, Seaweed};
use crate::server::Server;
use crate::{HERE, LEVELS};

/// Returns the details of a bucket at `endpoint`, with links below `public`.
fn details(
    endpoint: impl std::fmt::Display,
    public: impl std::fmt::Display,
    directory: &str,
) -> Value {
    json!({
        "endpoint_url": format!("http://{endpoint}"),
        "public_url": format!("http://{public}/{directory}/"),
        "region_name": "us-east-1",
        "aws_access_key_id": KEY_ID,
        "aws_secret_access_key": SECRET,
        "image_directory": directory,
    })
}

fn with(details: &Value, field: &str, value: impl Into<Value>) -> Value {
    let mut changed = details.clone();
    changed[field] = value.into();
    changed
}

async fn set(server: &Server, key: usize, details: &Value) {
    let (status, answer) = server.update_s3(key, details).await;
    let expected = json!({"status": "success", "message": "S3 details updated successfully"});
    assert_eq!((status, answer), (200, expected));
}

async fn refused(server: &Server, details: &Value, field: &str) -> String {
    let (status, answer) = server.update_s3(0, details).await;
    assert_eq!(status, 400, "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert_eq!(answer["errors"], json!({ field: [message] }));
    message.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_its_own_bucket_or_the_operators() {
    capture_log(LEVELS);
    let seaweed = Seaweed::start().await;
    let operators = seaweed.settings(PUBLIC, seaweed.address);
    let server = Server::open(Some(operators), Networks::any()).await;
    let directories = [format!("{PUBLIC}/first"), format!("{PUBLIC}/second")];
    for (key, directory) in directories.iter().enumerate() {
        set(
            &server,
            key,
            &details(seaweed.address, seaweed.address, directory),
        )
        .await;
    }
    for (key, directory) in directories.iter().enumerate() {
        let answer = server.make_gen_as(key).await;
        assert_eq!(answer["meta"]["temp"], "no", "{answer}");
        let base = format!("http://{}/{directory}/", seaweed.address);
        is_read_at(&server, &answer, &base).await;
        let link = answer["output"][0].as_str().unwrap();
        assert!(!link["http://".len()..].contains("//"), "one slash: {link}");
    }
    server.reset_s3(0).await;
    server.reset_s3(0).await;
    let answer = server.make_gen_as(0).await;
    let base = format!("http://{}/{PUBLIC}/generations/", seaweed.address);
    is_read_at(&server, &answer, &base).await;
    let answer = server.make_gen_as(1).await;
    let base = format!("http://{}/{PUBLIC}/second/", seaweed.address);
    is_read_at(&server, &answer, &base).await;
    no_secret_is_logged(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_work_is_refused_with_its_fault() {
    capture_log(LEVELS);
    let seaweed = Seaweed::start().await;
    let moto = Moto::start().await;
    let server = Server::without_bucket(Networks::any()).await;
    let works = details(seaweed.address, seaweed.address, PUBLIC);
    set(&server, 0, &works).await;

    let wrong = with(&works, "aws_secret_access_key", "another secret");
    let message = refused(&server, &wrong, "aws_secret_access_key").await;
    let expected = "aws_secret_access_key is not the secret of aws_access_key_id (PUT http://";
    assert!(message.starts_with(expected), "{message}");
    let unknown = with(&works, "aws_access_key_id", "unknown");
    let message = refused(&server, &unknown, "aws_access_key_id").await;
    let expected = "aws_access_key_id is not known at endpoint_url (PUT http://";
    assert!(message.starts_with(expected), "{message}");
    let hidden = details(seaweed.address, seaweed.address, PRIVATE);
    let message = refused(&server, &hidden, "public_url").await;
    let expected = "public_url does not show what was written, it answers 403 (GET http://";
    assert!(message.starts_with(expected), "{message}");
    let missing = details(moto.address, moto.address, "no-such-bucket");
    let message = refused(&server, &missing, "image_directory").await;
    assert!(message.contains("a bucket that exists"), "{message}");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let unused = free.local_addr().unwrap();
    drop(free);
    let message = refused(
        &server,
        &details(unused, seaweed.address, PUBLIC),
        "endpoint_url",
    )
    .await;
    let expected = "endpoint_url cannot be reached (PUT http://";
    assert!(message.starts_with(expected), "{message}");
    let skewed = Way::Answers(403, "RequestTimeTooSkewed");
    let skewed = Proxy::start(seaweed.address, skewed).await;
    let message = refused(
        &server,
        &details(skewed.address, seaweed.address, PUBLIC),
        "endpoint_url",
    )
    .await;
    assert!(message.contains("time"), "{message}");

    // The working one is still configured.
    let answer = server.make_gen().await;
    let base = format!("http://{}/{PUBLIC}/", seaweed.address);
    is_read_at(&server, &answer, &base).await;
    no_secret_is_logged(&server);
    assert!(!log().contains("another secret"));
}

/// The endpoint of Supabase has such a path.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_with_a_path_keeps_its_slash() {
    capture_log(LEVELS);
    let plain = Plain::start().await;
    let server = Server::without_bucket(Networks::any()).await;
    let directory = "/storage/v1/s3/faces/generations";
    let base = format!("http://{}{directory}/", plain.address);
    for slash in ["", "/"] {
        let mut bucket = details(plain.address, plain.address, "faces/generations");
        bucket["endpoint_url"] = format!("http://{}/storage/v1/s3{slash}", plain.address).into();
        bucket["public_url"] = base.as_str().into();
        set(&server, 0, &bucket).await;
        is_read_at(&server, &server.make_gen().await, &base).await;
        let requests = plain.requests();
        let in_directory = |request: &String| request.contains(&format!(" {directory}/"));
        assert!(requests.iter().all(in_directory), "{requests:?}");
    }
    plain.set(Behaviour {
        put: Some((404, "NoSuchBucket")),
        ..Behaviour::default()
    });
    let bucket = with(
        &details(plain.address, plain.address, "faces/generations"),
        "endpoint_url",
        format!("http://{}/storage/v1/s3", plain.address),
    );
    let message = refused(&server, &bucket, "image_directory").await;
    assert!(message.contains(&format!("(PUT {base}")), "{message}");
    no_secret_is_logged(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_a_bucket_that_fails_later_are_served_from_here_and_arrive_later() {
    capture_log(LEVELS);
    let seaweed = Seaweed::start().await;
    let proxy = Proxy::start(seaweed.address, Way::Open).await;
    let server = Server::without_bucket(Networks::any()).await;
    set(
        &server,
        0,
        &details(proxy.address, seaweed.address, &format!("{PUBLIC}/a")),
    )
    .await;
    proxy.set(Way::Answers(503, "SlowDown"));
    let answer = server.make_gen().await;
    assert_eq!(answer["meta"]["temp"], "yes", "{answer}");
    is_read_at(&server, &answer, HERE).await;
    // The circuit breaker of one bucket does not affect another.
    set(
        &server,
        1,
        &details(seaweed.address, seaweed.address, &format!("{PUBLIC}/b")),
    )
    .await;
    let other = server.make_gen_as(1).await;
    is_read_at(
        &server,
        &other,
        &format!("http://{}/{PUBLIC}/b/", seaweed.address),
    )
    .await;
    // It arrives in the bucket that the key has then.
    let now = format!("{PUBLIC}/c");
    set(&server, 0, &details(seaweed.address, seaweed.address, &now)).await;
    let base = format!("http://{}/{now}/", seaweed.address);
    let fetched = server.fetch_from_bucket(&answer["id"], &base).await;
    is_read_at(&server, &fetched, &base).await;
    no_secret_is_logged(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_bucket_may_be_created_again_and_may_refuse_acls() {
    capture_log(LEVELS);
    let (moto, seaweed) = (Moto::start().await, Seaweed::start().await);
    moto.make_bucket("images").await;
    let server = Server::without_bucket(Networks::any()).await;
    set(&server, 0, &details(moto.address, moto.address, "images/a")).await;
    let answer = server.make_gen().await;
    let base = format!("http://{}/images/a/", moto.address);
    is_read_at(&server, &answer, &base).await;

    let no_acl = NoAcl::start(seaweed.address, 400).await;
    set(
        &server,
        0,
        &details(no_acl.address, seaweed.address, PUBLIC),
    )
    .await;
    let asked = no_acl.asked();
    for _ in 0..3 {
        let answer = server.make_gen().await;
        let base = format!("http://{}/{PUBLIC}/", seaweed.address);
        is_read_at(&server, &answer, &base).await;
    }
    assert_eq!(no_acl.asked(), asked + 1, "it is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bucket_leads_to_a_private_network() {
    capture_log(LEVELS);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let server = Server::without_bucket(Networks::default()).await;
    let fine = "cdn.example";
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "0.0.0.0",
    ] {
        let inside = details(format_args!("{host}:{port}"), fine, "pictures");
        let message = refused(&server, &inside, "endpoint_url").await;
        let names_field = message.starts_with("endpoint_url must not lead to ");
        assert!(
            names_field && message.contains("outbound.allow_networks"),
            "{host}: {message}"
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

/// Checks each use: the allowed networks may change, and so may the addresses of a name.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_checked_whenever_it_is_used() {
    capture_log(LEVELS);
    let seaweed = Seaweed::start().await;
    let counting = NoAcl::at_first(0, seaweed.address, 400).await;
    let server = Server::without_bucket(Networks::any()).await;
    let bucket = details(counting.address, seaweed.address, PUBLIC);
    set(&server, 0, &bucket).await;
    let before = counting.asked();
    let answer = server.make_gen().await;
    let base = format!("http://{}/{PUBLIC}/", seaweed.address);
    is_read_at(&server, &answer, &base).await;
    assert_eq!(counting.asked(), before + 1);

    let server = server.restart(Networks::default()).await;
    let answer = server.make_gen().await;
    assert_eq!(answer["meta"]["temp"], "yes", "{answer}");
    is_read_at(&server, &answer, HERE).await;
    server.advance(Duration::from_secs(60));
    is_read_at(&server, &server.make_gen().await, HERE).await;
    assert_eq!(counting.asked(), before + 1);
}

fn no_secret_is_logged(server: &Server) {
    let log = log();
    for secret in server.prefixes().iter().map(String::as_str).chain([SECRET]) {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}
