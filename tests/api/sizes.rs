//! The size of images when a request names none.

use std::sync::Arc;

use async_trait::async_trait;
use facegen_core::redact::{FaceImage, SafeUrl};
use facegen_core::{FaceError, FaceReader, Photo, RgbImage};
use serde_json::{Value, json};

use crate::server::{Builder, FACE_BASE64, FACE_URL, TestServer};

const V6: &str = "/api/v6/image_editing/face_gen";
const ENTERPRISE: [&str; 2] = [
    "/api/v1/enterprise/face_gen/make_gen",
    "/api/v1/enterprise/image_editing/face_gen",
];

/// Photos of one size.
#[derive(Debug)]
struct Photos(u32, u32);

#[async_trait]
impl FaceReader for Photos {
    async fn fetch(&self, _: &SafeUrl) -> Result<FaceImage, FaceError> {
        Ok(FaceImage::from(b"a photo".to_vec()))
    }

    fn decode(&self, _: &FaceImage) -> Result<Photo, FaceError> {
        let Self(width, height) = *self;
        let (width, height) = (width as usize, height as usize);
        let image = RgbImage::new(width, height, vec![0; width * height * 3]);
        let photo = image.map(Photo::from);
        photo.map_err(|error| FaceError::new(error.to_string()))
    }
}

async fn server(photos: Photos) -> TestServer {
    let mut builder = Builder::new();
    builder.faces = Arc::new(photos);
    builder.start().await
}

fn request(server: &TestServer, face: &str, size: &Value) -> Value {
    let mut request = server.request_with(size);
    request["face_image"] = json!(face);
    let fields = request.as_object_mut().unwrap();
    fields.retain(|name, _| !matches!(name.as_str(), "width" | "height") || !size[name].is_null());
    request
}

/// Returns the size in `meta`, which the image must have.
async fn size_of(server: &TestServer, answer: &Value) -> (u64, u64) {
    let meta = &answer["meta"];
    let (width, height) = (
        meta["width"].as_u64().unwrap(),
        meta["height"].as_u64().unwrap(),
    );
    let link = answer["output"][0].as_str().unwrap();
    let path = link.strip_prefix("http://faces.test").unwrap();
    let image = server.get(path).await;
    assert_eq!(image.bytes, format!("{width}x{height}").into_bytes());
    (width, height)
}

#[tokio::test(flavor = "multi_thread")]
async fn on_v6_the_size_is_that_of_the_photo() {
    for (photo, size, expected) in [
        (Photos(300, 200), json!({}), (296, 200)),
        (Photos(900, 1200), json!({}), (536, 720)),
        (Photos(300, 200), json!({"width": 600}), (600, 400)),
        (Photos(300, 200), json!({"height": "256"}), (384, 256)),
        (
            Photos(300, 200),
            json!({"width": 64, "height": 72}),
            (64, 72),
        ),
        (
            Photos(200, 300),
            json!({"width": "", "height": "null"}),
            (200, 296),
        ),
    ] {
        let server = server(photo).await;
        for face in [FACE_URL, FACE_BASE64] {
            let answer = server.post(V6, &request(&server, face, &size)).await.ok();
            assert_eq!(answer["status"], "success", "{answer}");
            assert_eq!(size_of(&server, &answer).await, expected, "{size} {face}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_enterprise_paths_the_size_is_512() {
    let server = server(Photos(300, 200)).await;
    for path in ENTERPRISE {
        for face in [FACE_URL, FACE_BASE64] {
            let body = request(&server, face, &json!({}));
            let answer = server.post(path, &body).await.ok();
            assert_eq!(size_of(&server, &answer).await, (512, 512), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_for_its_photo_has_no_size_yet() {
    let mut builder = Builder::new().closed();
    builder.faces = Arc::new(Photos(300, 200));
    let server = builder.start().await;
    let inline = request(&server, FACE_BASE64, &json!({}));
    let inline = server.post(V6, &inline).await.ok();
    let meta = &inline["meta"];
    assert_eq!(
        (&meta["width"], &meta["height"]),
        (&json!(296), &json!(200))
    );

    let by_url = request(&server, FACE_URL, &json!({}));
    let by_url = server.post(V6, &by_url).await.ok();
    assert_eq!(by_url["status"], "processing");
    server.control.open();
    server.wait_for(&by_url["id"]).await;
    let path = format!("/v1/jobs/{}", by_url["id"]);
    let view = server
        .call(axum::http::Method::GET, &path, &server.key)
        .await;
    let view = view.ok();
    let used = &view["used"];
    assert_eq!(
        (&used["width"], &used["height"]),
        (&json!(296), &json!(200)),
        "{view}"
    );
}
