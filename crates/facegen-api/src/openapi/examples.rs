//! The examples of the documentation.

use serde_json::{Value, json};

/// The beginning of an image in base64.
const IMAGE: &str = "data:image/png;base64,iVBORw0KGgo…";

/// The request for images.
pub(crate) fn make_gen_request() -> Value {
    json!({
        "key": "enterprise_api_key",
        "prompt": "pretty woman",
        "negative_prompt": "anime, cartoon, drawing, big nose, long nose, fat, ugly",
        "face_image": "https://example.org/face.jpg",
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

/// Any other request.
pub(crate) fn key_request() -> Value {
    json!({"key": "enterprise_api_key"})
}

/// The question after a job, with its id in the body.
pub(crate) fn fetch_request() -> Value {
    json!({"key": "enterprise_api_key", "request_id": 32})
}

/// An image to be kept.
pub(crate) fn base64_string() -> Value {
    json!({"key": "enterprise_api_key", "base64_string": IMAGE})
}

/// The same under the name that `image_editing` has for it.
pub(crate) fn init_image() -> Value {
    json!({"key": "enterprise_api_key", "init_image": IMAGE})
}

/// The image is kept.
pub(crate) fn image_kept() -> Value {
    json!({"status": "success", "id": 1047, "output": [link()]})
}

/// Whatever is done.
pub(crate) fn done() -> Value {
    json!({"status": "success", "message": "Cache cleared successfully"})
}

/// The models are loaded anew.
pub(crate) fn restarting() -> Value {
    json!({"status": "success", "message": "server restarting", "server_status": "restarting"})
}

/// What the server is at.
pub(crate) fn system_details() -> Value {
    json!({"status": "success", "model_count": 0, "queue_time": 0})
}

/// The images, from `make_gen`.
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

/// The images, as the webhook tells of them.
pub(crate) fn webhook() -> Value {
    let mut body = success();
    body["track_id"] = json!("order-7");
    body
}

/// Their delay, from `make_gen`.
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

/// Their absence.
pub(crate) fn failed() -> Value {
    json!({
        "status": "failed",
        "id": 32,
        "message": "No face detected in face_image",
        "output": []
    })
}

/// The images, from `fetch`.
pub(crate) fn fetch_success() -> Value {
    json!({"status": "success", "id": 32, "output": [link()]})
}

/// Their delay, from `fetch`.
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
