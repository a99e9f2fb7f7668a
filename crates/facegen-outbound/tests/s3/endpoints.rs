//! Where objects are written for each spelling of an endpoint, and the errors
//! of failed requests.

use facegen_core::redact::{SafeUrl, Secret};
use facegen_core::{
    BucketDetails, BucketNames, BucketOpener, FileKind, FileName, FilePrefix, ImageStore,
    ObjectName,
};
use facegen_outbound::{Canary, Guard, GuardedBuckets, Networks, S3Settings};

use crate::plain::{Behaviour, Plain};
use crate::seaweed::store;

/// The path of an endpoint as it is written, and as it is in requests.
const ENDPOINTS: [(&str, &str); 16] = [
    ("", "/"),
    ("/", "/"),
    ("//", "/"),
    ("/s3", "/s3/"),
    ("/s3/", "/s3/"),
    ("/s3//", "/s3/"),
    ("/storage/v1/s3", "/storage/v1/s3/"),
    ("/storage/v1/s3/", "/storage/v1/s3/"),
    ("/a/b/c/d/e", "/a/b/c/d/e/"),
    ("/with.dots/and-dashes_", "/with.dots/and-dashes_/"),
    ("/a//b", "/a//b/"),
    ("/tenant~1", "/tenant~1/"),
    ("/v1:beta", "/v1:beta/"),
    ("/a%20b", "/a%20b/"),
    ("/UPPER", "/UPPER/"),
    ("/s3bucket", "/s3bucket/"),
];

fn settings(plain: &Plain, path: &str) -> S3Settings {
    S3Settings {
        endpoint_url: Some(SafeUrl::from(format!("http://{}{path}", plain.address))),
        region: "us-east-1".to_owned(),
        bucket: "bucket".to_owned(),
        image_directory: "generations".to_owned(),
        access_key_id: Secret::new("facegen".to_owned()),
        secret_access_key: Secret::new("hunter2".to_owned()),
        public_url: String::new(),
        check_url: None,
        public_read_acl: true,
        attempt_timeout: S3Settings::DEFAULT_ATTEMPT_TIMEOUT,
    }
}

/// Returns the same settings as a key configures them.
fn details(settings: &S3Settings) -> BucketDetails {
    BucketDetails {
        endpoint_url: settings.endpoint_url.clone().unwrap(),
        region: settings.region.clone(),
        image_directory: format!("{}/{}", settings.bucket, settings.image_directory),
        public_url: SafeUrl::from(settings.public_url.clone()),
        access_key_id: settings.access_key_id.clone(),
        secret_access_key: settings.secret_access_key.clone(),
    }
}

fn of_keys() -> GuardedBuckets {
    GuardedBuckets::new(Guard::new(Networks::any()).unwrap())
}

/// Returns an image.
fn object() -> ObjectName {
    let prefix = FilePrefix::parse("8c3ef6ea-1c44-4d69-91cb-fc11971a65d1").unwrap();
    let file = FileName {
        prefix,
        index: 0,
        kind: FileKind::Png,
    };
    ObjectName { file, attempt: 1 }
}

#[tokio::test]
async fn an_endpoint_is_joined_with_one_slash_however_it_is_written() {
    let plain = Plain::start().await;
    for (written, path) in ENDPOINTS {
        for slash in ["", "/", "//"] {
            let mut settings = settings(&plain, written);
            let directory = format!("{path}bucket/generations");
            settings.public_url = format!("http://{}{directory}{slash}", plain.address);
            let details = details(&settings);
            let bucket = store(settings);
            assert_eq!(bucket.canary().await, Ok(Canary::Deleted), "{written}");
            assert_eq!(of_keys().try_out(&details).await, Ok(()), "{written}");
            let key_bucket = of_keys().open(&details);
            for store in [&bucket as &dyn ImageStore, &*key_bucket] {
                store.put(&object(), vec![7]).await.unwrap();
                assert_eq!(store.get(&object()).await, Ok(Some(vec![7])));
                store.delete(&object()).await.unwrap();
            }
            let requests = plain.requests();
            let lies = |request: &String| {
                let path = request.split(' ').nth(1).unwrap();
                let name = path.strip_prefix(&format!("{directory}/"));
                name.is_some_and(|name| !name.contains('/'))
            };
            assert!(requests.len() >= 14, "{requests:?}");
            assert!(requests.iter().all(lies), "{written}: {requests:?}");
        }
    }
}

/// The failure, the field of `update_s3` and the setting that are named, and a
/// part of the message.
struct Case {
    behaviour: Behaviour,
    field: &'static str,
    setting: &'static str,
    said: &'static str,
    request: &'static str,
}

fn put(status: u16, code: &'static str) -> Behaviour {
    Behaviour {
        put: Some((status, code)),
        ..Behaviour::default()
    }
}

fn link(status: u16) -> Behaviour {
    Behaviour {
        link: Some((status, "")),
        ..Behaviour::default()
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let case = |behaviour, (field, setting), said, request| Case {
        behaviour,
        field,
        setting,
        said,
        request,
    };
    let endpoint = ("endpoint_url", "storage.s3.endpoint_url");
    let id = ("aws_access_key_id", "storage.s3.access_key_id");
    let secret = ("aws_secret_access_key", "storage.s3.secret_access_key");
    let bucket = ("image_directory", "storage.s3.bucket");
    let region = ("region_name", "storage.s3.region");
    let public = ("public_url", "storage.s3.public_url");
    let shows = Behaviour {
        shows: Some("<html>"),
        ..Behaviour::default()
    };
    let forgets = || Behaviour {
        forgets: true,
        ..Behaviour::default()
    };
    let forgets_and_shows = Behaviour {
        shows: Some("<html>"),
        ..forgets()
    };
    let forgets_and_hides = Behaviour {
        get: Some((403, "AccessDenied")),
        ..forgets()
    };
    vec![
        case(put(403, "AccessDenied"), id, "may not write objects", "PUT"),
        case(put(403, ""), id, "may not write objects", "PUT"),
        case(put(403, "InvalidAccessKeyId"), id, "is not known at", "PUT"),
        case(
            put(403, "SignatureDoesNotMatch"),
            secret,
            "is not the secret of",
            "PUT",
        ),
        case(
            put(404, "NoSuchBucket"),
            bucket,
            "a bucket that exists",
            "PUT",
        ),
        case(
            put(301, "PermanentRedirect"),
            region,
            "is not the region",
            "PUT",
        ),
        case(
            put(400, "AuthorizationHeaderMalformed"),
            region,
            "is not the region",
            "PUT",
        ),
        case(
            put(403, "RequestTimeTooSkewed"),
            endpoint,
            "the time of this server",
            "PUT",
        ),
        case(
            put(404, ""),
            endpoint,
            "does not take an object, it answers 404",
            "PUT",
        ),
        case(
            put(405, "MethodNotAllowed"),
            endpoint,
            "answers 405 MethodNotAllowed",
            "PUT",
        ),
        case(
            put(307, ""),
            endpoint,
            "does not take an object, it answers 307",
            "PUT",
        ),
        case(
            put(503, "SlowDown"),
            endpoint,
            "answers 503 SlowDown",
            "PUT",
        ),
        case(
            link(403),
            public,
            "does not show what was written, it answers 403",
            "GET",
        ),
        case(
            link(404),
            public,
            "does not show what was written, it answers 404",
            "GET",
        ),
        case(link(500), public, "it answers 500", "GET"),
        case(shows, public, "shows something else", "GET"),
        case(forgets(), endpoint, "does not have it", "PUT"),
        case(forgets_and_shows, endpoint, "does not have it", "PUT"),
        // Without the right to read it is unknown whether the object exists.
        case(forgets_and_hides, public, "it answers 404", "GET"),
    ]
}

#[tokio::test]
async fn every_error_names_the_request_and_where_it_comes_from() {
    let plain = Plain::start().await;
    let base = format!("http://{}/storage/v1/s3/bucket/generations", plain.address);
    for case in cases() {
        let Case {
            behaviour,
            field,
            setting,
            said,
            request,
        } = case;
        let shown = format!("{behaviour:?}");
        plain.set(behaviour);
        let mut settings = settings(&plain, "/storage/v1/s3");
        settings.public_url = base.clone();
        let names = settings.names();
        let fault_of_key = of_keys().try_out(&details(&settings)).await.unwrap_err();
        let of_key = fault_of_key.field_error();
        assert_eq!(of_key.field, field, "{shown}");
        let fault = store(settings).canary().await.unwrap_err();
        let of_operator = fault.named(names);
        assert_eq!(of_operator.field, setting, "{shown}");
        for error in [&of_key, &of_operator] {
            let message = &error.message;
            assert!(message.starts_with(error.field), "{message}");
            assert!(message.contains(said), "{shown}: {message}");
            assert!(
                message.contains(&format!("({request} {base}/")),
                "{message}"
            );
            assert!(!message.contains("hunter2"), "{message}");
        }
        if request == "GET" {
            assert!(of_key.message.contains(&format!(" after PUT {base}/")));
        }
        // Logs hold no more than the field.
        let logged = fault_of_key.to_string();
        assert!(!logged.contains("/storage/"), "{logged}");
    }
    assert_eq!(cases().len(), 19);
}

#[tokio::test]
async fn an_unreachable_endpoint_is_named_with_the_request() {
    let plain = Plain::start().await;
    let dead = "http://127.0.0.1:1/s3";
    let mut settings = settings(&plain, "");
    settings.public_url = format!("http://{}/bucket/generations", plain.address);
    settings.endpoint_url = Some(SafeUrl::from(dead));
    let fault = store(settings.clone()).canary().await.unwrap_err();
    // Port 1 is not one of HTTP, and even a guard of all networks refuses it.
    let message = fault.named(&BucketNames::SETTINGS).message;
    let expected = "storage.s3.endpoint_url must not lead to port 1,";
    assert!(message.starts_with(expected), "{message}");
    assert!(
        message.contains(&format!("(PUT {dead}/bucket/generations/")),
        "{message}"
    );

    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = free.local_addr().unwrap();
    drop(free);
    settings.endpoint_url = Some(SafeUrl::from(format!("http://{closed}/s3")));
    let fault = store(settings.clone()).canary().await.unwrap_err();
    let message = fault.field_error().message;
    assert!(
        message.starts_with("endpoint_url cannot be reached (PUT http://"),
        "{message}"
    );

    settings.endpoint_url = Some(SafeUrl::from(format!("http://{}", plain.address)));
    settings.check_url = Some(format!("http://{closed}/bucket"));
    let names = settings.names();
    let fault = store(settings.clone()).canary().await.unwrap_err();
    let message = fault.named(names).message;
    assert!(
        message.starts_with("storage.s3.check_url cannot be reached (GET http://"),
        "{message}"
    );

    settings.check_url = None;
    plain.set(Behaviour {
        delete: Some((403, "AccessDenied")),
        ..Behaviour::default()
    });
    let Ok(Canary::Left { error, request }) = store(settings).canary().await else {
        panic!("the object is deleted");
    };
    assert!(error.0.contains("403 AccessDenied"), "{error}");
    let deleted = format!("DELETE http://{}/bucket/generations/", plain.address);
    assert!(request.starts_with(&deleted), "{request}");
}
