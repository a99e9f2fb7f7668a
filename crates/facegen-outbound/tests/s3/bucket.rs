//! The S3 store with a real bucket, and with failures on the way to it.

use std::time::Duration;

use facegen_core::redact::{SafeUrl, Secret};
use facegen_core::{ImageStore, StorageError};
use facegen_outbound::{Canary, Guard, Networks, S3Settings, SharedImages};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::conformance::{image_store_suite, object};
use crate::no_acl::NoAcl;
use crate::proxy::{Proxy, Way};
use crate::seaweed::{PRIVATE, PUBLIC, SECRET, Seaweed, store};

#[tokio::test]
async fn a_real_bucket_keeps_images_and_shows_them() {
    let seaweed = Seaweed::start().await;
    let settings = seaweed.settings(PUBLIC, seaweed.address);
    let bucket = store(settings.clone());
    image_store_suite(&bucket).await;
    assert_eq!(bucket.canary().await, Ok(Canary::Deleted));
    links_are_public(&seaweed, &settings).await;
    nodes_share_what_is_not_published(&seaweed, &settings).await;
    objects_are_seen_or_refused(&seaweed).await;
    refusals_of_the_bucket_are_named(&settings).await;
    broken_connections_are_named(&seaweed).await;
    acls_that_are_refused_are_not_asked_for_again(&seaweed).await;
    a_failure_does_not_count_as_refusal_of_acls(&seaweed).await;
}

/// Checks that nodes keep images of their own next to the published ones, and
/// delete old ones among theirs alone.
async fn nodes_share_what_is_not_published(seaweed: &Seaweed, settings: &S3Settings) {
    let shared = |bucket| {
        let settings = seaweed.settings(bucket, seaweed.address);
        SharedImages::new(settings, Guard::new(Networks::any()).unwrap())
    };
    let published = store(settings.clone());
    let object = object(5, 1);
    published.put(&object, b"published".to_vec()).await.unwrap();
    // The second one is read by its owner alone.
    for bucket in [PUBLIC, PRIVATE] {
        // This server makes a bucket for its first object.
        shared(bucket).put(&object, vec![1]).await.unwrap();
        shared(bucket).delete(&object).await.unwrap();
        image_store_suite(&shared(bucket)).await;
    }
    let long = vec![7; facegen_core::FileKind::Png.longest() + 1];
    shared(PUBLIC).put(&object, long.clone()).await.unwrap();
    assert_eq!(shared(PUBLIC).get(&object).await, Ok(Some(long)));
    shared(PUBLIC).delete(&object).await.unwrap();
    let kept = published.get(&object).await;
    assert_eq!(kept, Ok(Some(b"published".to_vec())));
    published.delete(&object).await.unwrap();
}

/// Checks that an object is publicly readable at its link, with its type.
async fn links_are_public(seaweed: &Seaweed, settings: &S3Settings) {
    let bucket = store(settings.clone());
    let object = object(0, 3);
    bucket.put(&object, b"image".to_vec()).await.unwrap();
    let path = format!("/{PUBLIC}/generations/{}", object.expose());
    let mut stream = TcpStream::connect(seaweed.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", seaweed.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let answer = answer.to_lowercase();
    assert!(
        answer.contains("\r\ncontent-type: image/png\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\ncache-control: public, max-age=31536000, immutable\r\n"));
    assert!(answer.ends_with("\r\n\r\nimage"), "{answer}");
    bucket.delete(&object).await.unwrap();
    let guard = Guard::new(Networks::any()).unwrap();
    let link = SafeUrl::from(format!("http://{}{path}", seaweed.address));
    let gone = guard.get(&link, 100, Duration::from_secs(5)).await;
    assert!(gone.is_err(), "deleted is deleted");
}

/// Checks that a bucket which serves no object publicly keeps none.
async fn objects_are_seen_or_refused(seaweed: &Seaweed) {
    let bucket = store(seaweed.settings(PRIVATE, seaweed.address));
    let object = object(0, 1);
    let refused = bucket.put(&object, vec![1]).await;
    let expected = "a link cannot be read: the host answered 403";
    assert_eq!(refused, Err(StorageError(expected.to_owned())));
    assert_eq!(bucket.get(&object).await, Ok(Some(vec![1])));

    // A link that returns something else.
    let mut settings = seaweed.settings(PUBLIC, seaweed.address);
    store(settings.clone()).put(&object, vec![2]).await.unwrap();
    settings.check_url = Some(settings.public_url.clone());
    settings.image_directory = "elsewhere".to_owned();
    let refused = store(settings).put(&object, vec![3]).await;
    let expected = "a link leads to something else";
    assert_eq!(refused, Err(StorageError(expected.to_owned())));
}

async fn refusals_of_the_bucket_are_named(settings: &S3Settings) {
    let object = object(5, 1);
    let mut wrong = settings.clone();
    wrong.secret_access_key = Secret::new("another secret".to_owned());
    let wrong = store(wrong);
    let refused = wrong.put(&object, vec![1]).await.unwrap_err();
    let expected = "an object cannot be written: the bucket answered 403 SignatureDoesNotMatch";
    assert_eq!(refused.0, expected);
    let printed = format!("{wrong:?}{refused:?}");
    for secret in [SECRET, "another secret", object.file.prefix.expose()] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert_eq!(store(settings.clone()).get(&object).await, Ok(None));
}

async fn broken_connections_are_named(seaweed: &Seaweed) {
    let proxy = Proxy::start(seaweed.address, Way::Answers(503, "SlowDown")).await;
    let mut settings = seaweed.settings(PUBLIC, proxy.address);
    settings.attempt_timeout = Duration::from_secs(1);
    let bucket = store(settings);
    let object = object(6, 1);
    let image: Vec<u8> = (0..400_000_u32).map(|number| number as u8).collect();
    proxy.set(Way::Open);
    assert!(bucket.put(&object, vec![1]).await.is_ok());
    for (way, expected) in [
        (
            Way::Answers(503, "SlowDown"),
            "the bucket answered 503 SlowDown",
        ),
        (Way::Breaks, "the bucket cannot be reached"),
        (Way::Swallows, "the bucket did not answer in time"),
        (Way::Slow, "the bucket did not answer in time"),
    ] {
        proxy.set(way);
        let refused = bucket.put(&object, image.clone()).await.unwrap_err();
        assert_eq!(
            refused.0,
            format!("an object cannot be written: {expected}")
        );
    }
    // Without the right to list, a missing object is answered with 403.
    proxy.set(Way::Answers(403, "AccessDenied"));
    assert_eq!(bucket.get(&object).await, Ok(None));
    proxy.set(Way::Answers(403, "SignatureDoesNotMatch"));
    assert!(bucket.get(&object).await.is_err());
    proxy.set(Way::Open);
    bucket.put(&object, image.clone()).await.unwrap();
    assert_eq!(bucket.get(&object).await, Ok(Some(image)));
    bucket.delete(&object).await.unwrap();
}

async fn acls_that_are_refused_are_not_asked_for_again(seaweed: &Seaweed) {
    for status in [400, 403, 501] {
        let endpoint = NoAcl::start(seaweed.address, status).await;
        let bucket = store(seaweed.settings(PUBLIC, endpoint.address));
        for index in 0..3 {
            let object = object(index, 1);
            bucket.put(&object, vec![1]).await.unwrap();
            bucket.delete(&object).await.unwrap();
        }
        // Some refusals may be retried by the client.
        let refused = endpoint.asked();
        assert!((1..=2).contains(&refused), "{status}: {refused}");

        let mut settings = seaweed.settings(PUBLIC, endpoint.address);
        settings.public_read_acl = false;
        store(settings).put(&object(0, 1), vec![1]).await.unwrap();
        assert_eq!(endpoint.asked(), refused, "no acl is sent");
    }
}

/// Checks that ACLs are still sent after a failure: the bucket may need them.
async fn a_failure_does_not_count_as_refusal_of_acls(seaweed: &Seaweed) {
    let endpoint = NoAcl::at_first(1, seaweed.address, 400).await;
    let bucket = store(seaweed.settings(PRIVATE, endpoint.address));
    for asked in [1, 2] {
        let hidden = bucket.put(&object(0, 1), vec![1]).await.unwrap_err();
        assert!(hidden.0.starts_with("a link cannot be read"), "{hidden}");
        assert_eq!(endpoint.asked(), asked, "it is asked for each time");
    }
}
