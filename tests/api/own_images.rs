//! Photos that are images of this server, read without the network.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Method;
use facegen_core::fake::FakeFaceReader;
use facegen_core::redact::{FaceImage, SafeUrl};
use facegen_core::{FaceError, FaceReader, Photo};
use facegen_image::ImageLimits;
use facegen_outbound::{Faces, Guard, Networks};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::captured_log::log;
use crate::server::{Builder, MAKE_GEN, TestServer, request};

/// An address that the guard refuses.
const HOST: &str = "127.0.0.1:8080";

const NOT_FOUND: &str = "face_image cannot be fetched, its server answered 404";

/// Fetches through a guard with its default networks, and decodes anything.
#[derive(Debug)]
struct StrictReader(Faces);

#[async_trait]
impl FaceReader for StrictReader {
    async fn fetch(&self, url: &SafeUrl) -> Result<FaceImage, FaceError> {
        self.0.fetch(url).await
    }

    fn decode(&self, image: &FaceImage) -> Result<Photo, FaceError> {
        FakeFaceReader::default().decode(image)
    }
}

async fn strict_server(public_url: Option<&str>) -> TestServer {
    let guard = Guard::new(Networks::public_and(Vec::new())).unwrap();
    let faces = Faces::new(
        guard.clone(),
        ImageLimits::default(),
        Duration::from_secs(10),
    );
    let mut builder = Builder::new();
    builder.faces = Arc::new(StrictReader(faces));
    builder.urls = Arc::new(guard);
    builder.config.public_url = public_url.map(String::from);
    builder.start().await
}

async fn ask(server: &TestServer, fields: &Value) -> Value {
    send(server, fields).await.ok()
}

async fn send(server: &TestServer, fields: &Value) -> Answer {
    let body = server.request_with(fields).to_string();
    let mut request = request(Method::POST, MAKE_GEN, body);
    request.headers_mut().insert("host", HOST.parse().unwrap());
    server.send(request).await
}

/// Returns the link to an image.
async fn image(server: &TestServer) -> String {
    let made = ask(server, &json!({ "face_image": "cGhvdG9ncmFwaA==" })).await;
    made["output"][0].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_generated_image_is_a_valid_photo() {
    for public_url in [None, Some("http://10.0.0.7/faces/")] {
        let server = strict_server(public_url).await;
        let link = image(&server).await;
        for url in [link.clone(), format!("{link}?cached=no#top")] {
            let made = ask(&server, &json!({ "face_image": url })).await;
            assert_eq!(made["status"], "success", "{made}");
            assert_eq!(made["meta"]["face_image"], url);
        }
        let log = log();
        assert!(!log.contains(&link), "the log holds a link");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_an_upload_is_a_valid_photo() {
    let server = strict_server(None).await;
    let sent = json!({ "key": server.key, "base64_string": "cGhvdG9ncmFwaA==" });
    let mut post = request(Method::POST, "/api/v6/base64_to_url", sent.to_string());
    post.headers_mut().insert("host", HOST.parse().unwrap());
    let sent = server.send(post).await.ok();
    let made = ask(&server, &json!({ "face_image": sent["output"][0] })).await;
    assert_eq!(made["status"], "success", "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_missing_files_are_answered_like_a_404() {
    let server = strict_server(None).await;
    let link = image(&server).await;
    for url in [
        format!("http://{HOST}/temp/8c3ef6ea-1c44-4d69-91cb-fc11971a65d1-0.png"),
        format!("http://{HOST}/temp/photo.jpg"),
        link.replace("-0.png", "-1.png"),
        link.replace("-0.png", "-00.png"),
    ] {
        let failed = ask(&server, &json!({ "face_image": url })).await;
        assert_eq!(failed["status"], "failed");
        assert_eq!(failed["message"], NOT_FOUND, "{url}");
    }
    server.clock.advance(Duration::from_hours(25));
    let failed = ask(&server, &json!({ "face_image": link })).await;
    assert_eq!(failed["message"], NOT_FOUND, "it has expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_of_the_server_are_refused_as_before() {
    let server = strict_server(None).await;
    let link = image(&server).await;
    for url in [
        format!("http://{HOST}/v1/jobs/1"),
        format!("http://{HOST}/temp/"),
        format!("http://{HOST}/temp/../healthz"),
        link.replace("/temp/", "/temp/../temp/"),
        link.replace("/temp/", "/temp//"),
        link.replace(HOST, "127.0.0.1:8081"),
        link.replace(HOST, "127.0.0.1"),
    ] {
        let answer = send(&server, &json!({ "face_image": url })).await;
        let message = answer.error(400);
        let expected = "face_image must not lead to 127.0.0.1, which is not a public address";
        assert!(message.starts_with(expected), "{url}: {message}");
    }
}
