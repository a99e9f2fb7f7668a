//! `/page/key`: the token of a link becomes the key of a page.

use axum::http::{HeaderValue, Method};
use facegen_jobs::PageTokens;
use serde_json::Value;

use crate::answer::Answer;
use crate::server::{Builder, TestServer, request};

const PATH: &str = "/page/key";

async fn exchange(server: &TestServer, host: &'static str, token: &str) -> Answer {
    let mut request = request(Method::POST, PATH, "");
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static(host));
    headers.insert("key", HeaderValue::from_str(token).unwrap());
    server.send(request).await
}

fn issue(tokens: &PageTokens) -> String {
    tokens.issue().unwrap().expose().clone()
}

async fn own_key(server: &TestServer, key: &str) -> Value {
    server.call(Method::GET, "/v1/key", key).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_gives_one_page_a_plain_key() {
    let server = TestServer::start().await;
    let token = issue(&server.page_tokens);
    let wrong = exchange(&server, "localhost:8080", &"0".repeat(32)).await;
    assert!(wrong.error(401).starts_with("The link was used already"));
    let given = exchange(&server, "localhost:8080", &token).await.ok();
    assert_eq!(given["status"], "success");
    assert_eq!(given.as_object().unwrap().len(), 2);
    let key = given["key"].as_str().unwrap();
    assert_eq!(own_key(&server, key).await["role"], "plain");
    let again = exchange(&server, "localhost:8080", &token).await;
    assert!(again.error(401).starts_with("The link was used already"));
    let log = crate::captured_log::log();
    assert!(!log.contains(&token) && !log.contains(key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_page_takes_over_the_key_of_the_one_before() {
    let server = TestServer::start().await;
    let mut keys = Vec::new();
    for _ in 0..2 {
        let token = issue(&server.page_tokens);
        let given = exchange(&server, "127.0.0.1", &token).await.ok();
        keys.push(given["key"].as_str().unwrap().to_owned());
    }
    assert_ne!(keys[0], keys[1]);
    let former = server.call(Method::GET, "/v1/key", &keys[0]).await;
    assert_eq!(former.error(401), "Invalid API key");
    own_key(&server, &keys[1]).await;
    assert_eq!(server.jobs.keys().list().await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_gets_no_key_and_spends_no_token() {
    let public_url = Some("https://faces.example".to_owned());
    let builder = Builder::new().with_config(|config| config.public_url = public_url);
    let server = builder.start().await;
    let token = issue(&server.page_tokens);
    for host in ["evil.example", "localhost.evil.example", "192.168.1.2:80"] {
        let refused = exchange(&server, host, &token).await;
        assert_eq!(refused.error(400), "The Host header is missing or invalid");
    }
    exchange(&server, "faces.example", &token).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_no_token_and_a_server_without_links_gives_none() {
    let server = TestServer::start().await;
    for text in [&server.admin_key, &server.key] {
        exchange(&server, "localhost", text).await.error(401);
    }
    let mut without = request(Method::POST, PATH, "");
    let host = HeaderValue::from_static("localhost");
    without.headers_mut().insert("host", host);
    server.send(without).await.error(401);
}
