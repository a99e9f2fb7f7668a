//! URLs whose text alone shows that they can never be opened.

use std::sync::Arc;

use facegen_outbound::{Guard, Networks};
use serde_json::json;

use crate::server::{Builder, GENERATIONS, MAKE_GEN, TestServer};

/// Rules and URLs that break them.
const LIST: &str = include_str!("../../crates/facegen-outbound/tests/assets/ssrf_urls.txt");

async fn server_of(networks: Networks) -> TestServer {
    let mut builder = Builder::new();
    builder.urls = Arc::new(Guard::new(networks).unwrap());
    builder.start().await
}

/// Returns the expected parts of the message: the rule, and the setting that would allow the URL.
fn parts(rule: &str) -> &'static [&'static str] {
    match rule {
        "address" => &["which is not a public address", "outbound.allow_networks"],
        "userinfo" => &["a user name or a password"],
        "port" => &["must not lead to port "],
        "name" | "scheme" | "syntax" => &["must "],
        other => panic!("{other} is no rule of a text"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_url_of_the_list_makes_a_job() {
    let server = server_of(Networks::default()).await;
    let rows = LIST
        .lines()
        .filter(|row| !row.is_empty() && !row.starts_with('#'));
    let mut refused = 0;
    for row in rows {
        let (rule, url) = row.split_once(' ').unwrap();
        if rule == "resolved" {
            continue;
        }
        let url = url.replace("{port}", "8080");
        // Other texts are photos themselves.
        let is_url = url.to_lowercase().starts_with("http");
        let fields: &[&str] = if is_url {
            &["webhook", "face_image"]
        } else {
            &["webhook"]
        };
        for (field, path) in fields
            .iter()
            .flat_map(|field| GENERATIONS.map(|path| (field, path)))
        {
            let body = server.request_with(&json!({ *field: url }));
            let answer = server.post(path, &body).await;
            let message = answer.error(400);
            assert_eq!(
                answer.json()["errors"],
                json!({ *field: [message] }),
                "{url}"
            );
            let names_rule = parts(rule).iter().all(|part| message.contains(part));
            let by_parser = message.contains("must be an http or https URL");
            assert!(names_rule || by_parser, "{url}: {message}");
            refused += 1;
        }
    }
    assert!(refused >= 240, "{refused}");
    let jobs = server
        .call(axum::http::Method::GET, "/v1/jobs", &server.key)
        .await;
    assert_eq!(jobs.ok()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn each_url_is_refused_with_its_reason() {
    let server = server_of(Networks::default()).await;
    let loopback = "must not lead to 127.0.0.1, which is not a public address, unless \
         outbound.allow_networks in the server's config has 127.0.0.1/32";
    let localhost = "must not lead to localhost, which is this server itself, unless \
         outbound.allow_networks in its config has 127.0.0.0/8 and ::1/128";
    let userinfo = "must not hold a user name or a password, which would not be sent; put a token \
         into the query instead";
    let port = |port: u16| {
        format!("must not lead to port {port}, on which something else than HTTP listens")
    };
    let address = |address: &str, bits: u8| {
        format!(
            "must not lead to {address}, which is not a public address, unless \
             outbound.allow_networks in the server's config has {address}/{bits}"
        )
    };
    for (url, rule) in [
        ("http://127.0.0.1:9000/hook", loopback),
        ("http://127.1/hook", loopback),
        ("http://2130706433/", loopback),
        ("http://0x7f.1/", loopback),
        ("https://[::ffff:127.0.0.1]/", loopback),
        ("http://[64:ff9b::7f00:1]/", loopback),
        ("http://10.1.2.3/hook", &address("10.1.2.3", 32)),
        ("http://192.168.0.10:8123/", &address("192.168.0.10", 32)),
        ("http://172.17.0.1/", &address("172.17.0.1", 32)),
        (
            "http://169.254.169.254/latest",
            &address("169.254.169.254", 32),
        ),
        ("http://100.64.0.1/", &address("100.64.0.1", 32)),
        ("http://0.0.0.0/", &address("0.0.0.0", 32)),
        ("http://[::1]:8080/", &address("::1", 128)),
        ("http://[fd00::5]/", &address("fd00::5", 128)),
        ("http://[fe80::1]/", &address("fe80::1", 128)),
        ("http://localhost/hook", localhost),
        ("http://localhost:3000/hook", localhost),
        ("https://LOCALHOST./", localhost),
        ("http://api.localhost/", localhost),
        (
            "http://metadata.google.internal/",
            "must not lead to the metadata of a cloud",
        ),
        (
            "http://metadata/",
            "must not lead to the metadata of a cloud",
        ),
        ("https://me:secret@example.com/", userinfo),
        ("https://me@example.com/", userinfo),
        ("https://:secret@example.com/", userinfo),
        ("http://me:secret@127.0.0.1/", userinfo),
        ("https://example.com:22/", &port(22)),
        ("http://example.com:25/", &port(25)),
        ("http://example.com:6379/", &port(6379)),
        ("http://example.com:5432/a", &port(5432)),
        ("http://example.com:0/", &port(0)),
        (
            "https://example.com:99999/",
            "must be a valid URL (invalid port number)",
        ),
        (
            "https://example.com:port/",
            "must be a valid URL (invalid port number)",
        ),
        (
            "http://256.1.1.1/",
            "must be a valid URL (invalid IPv4 address)",
        ),
        ("http://[::1/", "must be a valid URL (invalid IPv6 address)"),
        (
            "http://exa<mple.com/",
            "must be a valid URL (invalid international domain name)",
        ),
    ] {
        for field in ["webhook", "face_image"] {
            let answer = server.make_gen(&json!({ field: url })).await;
            assert_eq!(answer.error(400), format!("{field} {rule}"), "{url}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_that_are_refused_only_when_resolved_make_a_job() {
    let server = server_of(Networks::default()).await;
    for url in [
        "https://receiver.example/hook?token=1#part",
        "http://receiver.example:8080/",
        "http://8.8.8.8/",
        "http://[2606:4700:4700::1111]/",
        "http://receiver/",
        "http://localhost.example/",
        "https://receiver.example/a@b:c",
        "https://receiver.example/?u=me:secret@127.0.0.1",
    ] {
        let answer = server.make_gen(&json!({ "webhook": url })).await;
        assert_eq!(answer.status, 200, "{url}: {}", answer.json());
        server.next_webhook().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_named_setting_allows_the_url() {
    let networks = ["127.0.0.0/8", "::1/128", "10.1.2.3/32"];
    let networks = networks.map(|network| network.parse().unwrap());
    let server = server_of(Networks::public_and(networks.to_vec())).await;
    for url in [
        "http://127.0.0.1:9000/hook",
        "http://localhost:3000/hook",
        "http://[::1]:8080/",
        "http://10.1.2.3/hook",
    ] {
        let answer = server.make_gen(&json!({ "webhook": url })).await;
        assert_eq!(answer.status, 200, "{url}: {}", answer.json());
        server.next_webhook().await;
    }
    let outside = server
        .make_gen(&json!({"webhook": "http://10.1.2.4/"}))
        .await;
    assert!(outside.error(400).contains("10.1.2.4/32"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_urls_are_reported_with_all_other_errors_also_with_status_200() {
    let mut builder = Builder::new().with_config(|config| config.legacy_http_200 = true);
    builder.urls = Arc::new(Guard::new(Networks::default()).unwrap());
    let server = builder.start().await;
    let body = server.request_with(&json!({
        "webhook": "http://localhost/", "face_image": "http://10.0.0.1/a.jpg", "width": 9999,
        "seed": -1,
    }));
    let answer = server.post(MAKE_GEN, &body).await;
    let message = answer.error(200);
    let errors = answer.json()["errors"].clone();
    for field in ["webhook", "face_image", "width", "seed"] {
        let sentence = errors[field][0].as_str().unwrap_or_default();
        assert!(
            sentence.starts_with(field) && message.contains(sentence),
            "{message}"
        );
    }
    assert_eq!(errors.as_object().unwrap().len(), 4);
}
