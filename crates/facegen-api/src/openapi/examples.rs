//! The examples of the OpenAPI document. Those of requests can be sent as they are:
//! they have a photo, and no key, since that of the page's header counts only where
//! the body has none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A part of NASA's portrait of Eileen Collins, in the public domain: 80×80 pixels of
/// `tests/assets/photographs/astronaut.png`, a square of 184 from (136, 20).
const PHOTO: &[u8] = include_bytes!("face.webp");

/// Returns the photo as a data URI.
fn photo() -> String {
    format!("data:image/webp;base64,{}", STANDARD.encode(PHOTO))
}

/// Returns a request for images.
pub(crate) fn make_gen_request() -> Value {
    json!({
        "prompt": "pretty woman",
        "negative_prompt": "anime, cartoon, drawing, big nose, long nose, fat, ugly",
        "face_image": photo(),
        "width": "512",
        "height": "512",
        "samples": "1",
        "num_inference_steps": "21",
        "safety_checker": false,
        "base64": false,
        "seed": 1234,
        "guidance_scale": 7.5,
        "s_scale": 1.0,
        "safety_checker_type": "blur",
        "webhook": null,
        "track_id": null
    })
}

/// Returns a request without fields.
pub(crate) fn key_request() -> Value {
    json!({})
}

/// Returns a request for a job, with its id in the body.
pub(crate) fn fetch_request() -> Value {
    json!({"request_id": 32})
}

/// Returns an upload.
pub(crate) fn base64_string() -> Value {
    json!({"base64_string": photo()})
}

/// Returns an upload under the name of `image_editing`.
pub(crate) fn init_image() -> Value {
    json!({"init_image": photo()})
}

/// Returns a search for faces.
pub(crate) fn face_image() -> Value {
    json!({"face_image": photo()})
}

/// Returns the answer to an upload.
pub(crate) fn image_kept() -> Value {
    json!({"status": "success", "id": 1047, "output": [link()]})
}

/// Returns the answer to a call that has only an effect.
pub(crate) fn done() -> Value {
    json!({"status": "success", "message": "Cache cleared successfully"})
}

/// Returns the answer to `restart_server`.
pub(crate) fn restarting() -> Value {
    json!({"status": "success", "message": "server restarting", "server_status": "restarting"})
}

/// Returns the answer to `system_details`.
pub(crate) fn system_details() -> Value {
    json!({"status": "success", "model_count": 0, "queue_time": 0})
}

/// Returns the answer of `make_gen` about a job that succeeded.
pub(crate) fn success() -> Value {
    json!({
        "status": "success",
        "generationTime": 7.358_475_685_119_629,
        "id": 32,
        "output": [link()],
        "proxy_links": [link()],
        "meta": meta()
    })
}

/// Returns the webhook about a job that succeeded.
pub(crate) fn webhook() -> Value {
    let mut body = success();
    body["track_id"] = json!("order-7");
    body
}

/// Returns the answer of `make_gen` about a job in progress.
pub(crate) fn processing() -> Value {
    json!({
        "status": "processing",
        "tip": "Your image is processing in background, you can get this image using fetch API",
        "eta": 5,
        "message": "Try to fetch request after seconds estimated",
        "fetch_result": fetch_result(),
        "id": 32,
        "output": [],
        "future_links": [link()],
        "proxy_links": [],
        "meta": meta()
    })
}

/// Returns the answer about a job that failed.
pub(crate) fn failed() -> Value {
    json!({
        "status": "failed",
        "id": 32,
        "message": "No face detected in face_image",
        "output": []
    })
}

/// Returns the answer of `fetch` about a job that succeeded.
pub(crate) fn fetch_success() -> Value {
    json!({"status": "success", "id": 32, "output": [link()]})
}

/// Returns the answer of `fetch` about a job in progress.
pub(crate) fn fetch_processing() -> Value {
    json!({
        "status": "processing",
        "id": 32,
        "eta": 5,
        "message": "try again later.",
        "output": [],
        "fetch_result": fetch_result(),
        "tip": "Your image is processing in background, you can get this image using fetch API"
    })
}

fn link() -> &'static str {
    "https://faces.example.org/temp/8c3ef6ea-1c44-4d69-91cb-fc11971a65d1-0.png"
}

fn fetch_result() -> &'static str {
    "https://faces.example.org/api/v1/enterprise/face_gen/fetch/32"
}

fn meta() -> Value {
    json!({
        "base64": "no",
        "face_image": "https://example.org/face.jpg",
        "file_prefix": "8c3ef6ea-1c44-4d69-91cb-fc11971a65d1",
        "guidance_scale": 7.5,
        "height": 512,
        "negative_prompt": "anime, cartoon, drawing, big nose, long nose, fat, ugly",
        "num_inference_steps": 21,
        "outdir": "out",
        "prompt": "pretty woman",
        "safety_checker": "no",
        "safety_checker_type": "blur",
        "samples": 1,
        "seed": 4_029_484_891_u32,
        "temp": "yes",
        "width": 512
    })
}
