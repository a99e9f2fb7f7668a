//! A client of the server.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::process::API_KEY;
use crate::program::photo;

/// Texts that no log may contain: each received link is added.
pub(super) static SECRETS: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(|| {
    let photo = photo_base64();
    // Parts of it, wherever a log line might cut it.
    let pieces = [0, 1000, photo.len() / 2].map(|place| photo[place..place + 40].to_owned());
    let texts = [API_KEY, PROMPT].map(str::to_owned);
    Mutex::new(pieces.into_iter().chain(texts).collect())
});

/// The prompt of [`request`].
pub(super) const PROMPT: &str = "portrait of a person in a garden";

const ENDPOINT: &str = "/api/v1/enterprise/face_gen";

/// Returns the documentation's request with a photo in it, at 64×64.
pub(super) fn request() -> Value {
    json!({
        "key": API_KEY,
        "prompt": PROMPT,
        "negative_prompt": "anime, cartoon",
        "face_image": photo_uri(),
        "width": "64",
        "height": "64",
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

/// Returns [`request`] with one field changed.
pub(super) fn request_with(field: &str, value: Value) -> Value {
    let mut request = request();
    request[field] = value;
    request
}

/// Returns the photo of [`request`].
pub(super) fn photo_uri() -> String {
    format!("data:image/jpeg;base64,{}", photo_base64())
}

fn photo_base64() -> String {
    STANDARD.encode(std::fs::read(photo("astronaut.png")).unwrap_or_default())
}

/// The status and the body of a response.
pub(super) type Answer = (u16, Value);

/// A client of one server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    address: String,
}

impl Client {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
        }
    }

    /// Returns the address of the server, without a slash at its end.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Returns host and port of the server.
    pub(super) fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Posts `body` as JSON.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.post_text(path, &body.to_string())
    }

    /// Posts any text as JSON.
    pub(super) fn post_text(&self, path: &str, body: &str) -> Result<Answer> {
        let mut response = ureq::post(format!("{}{path}", self.address))
            .config()
            .http_status_as_error(false)
            .build()
            .content_type("application/json")
            .send(body)?;
        let text = response.body_mut().read_to_string()?;
        let body: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        for link in body["output"].as_array().into_iter().flatten() {
            keep_secret(link.as_str().unwrap_or_default());
        }
        Ok((response.status().as_u16(), body))
    }

    /// Gets the view of a job.
    pub(super) fn job(&self, id: u64) -> Result<Value> {
        let mut response = ureq::get(format!("{}/v1/jobs/{id}", self.address))
            .header("key", API_KEY)
            .call()?;
        Ok(serde_json::from_str(
            &response.body_mut().read_to_string()?,
        )?)
    }

    /// Gets the bytes at a link or a path.
    pub(super) fn get(&self, link: &str) -> Result<(u16, Vec<u8>)> {
        let url = match link.strip_prefix('/') {
            Some(_) => format!("{}{link}", self.address),
            None => link.to_owned(),
        };
        let request = ureq::get(url).config().http_status_as_error(false).build();
        let response = request.call()?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        response.into_body().as_reader().read_to_end(&mut bytes)?;
        Ok((status, bytes))
    }

    /// Requests images.
    pub(super) fn make(&self, request: &Value) -> Result<Answer> {
        self.post(&format!("{ENDPOINT}/make_gen"), request)
    }

    /// Fetches the result of a job.
    pub(super) fn fetch(&self, id: u64) -> Result<Answer> {
        self.post(
            &format!("{ENDPOINT}/fetch/{id}"),
            &json!({ "key": API_KEY }),
        )
    }

    /// Fetches until the job has ended.
    pub(super) fn result(&self, id: u64) -> Result<Value> {
        for _ in 0..1200 {
            let (status, body) = self.fetch(id)?;
            ensure!(status == 200, "{status} {body}");
            if body["status"] != "processing" {
                return Ok(body);
            }
            sleep(Duration::from_millis(100));
        }
        bail!("job {id} does not end")
    }

    /// Gets the first image of an answer.
    pub(super) fn image(&self, answer: &Value) -> Result<Vec<u8>> {
        let link = answer["output"][0]
            .as_str()
            .with_context(|| answer.to_string())?;
        let (status, bytes) = self.get(link)?;
        ensure!(status == 200, "the link answers {status}");
        Ok(bytes)
    }
}

/// Forbids this file and parts of its text form in all logs.
pub(super) fn keep_file_secret(file: &[u8]) {
    let text = STANDARD.encode(file);
    let middle = text.len() / 2;
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    secrets.extend(text.get(middle..middle + 40).map(str::to_owned));
}

/// Forbids the random part of a link in all logs from now on.
pub(super) fn keep_secret(link: &str) {
    let name = link.rsplit('/').next().unwrap_or_default();
    if let Some(prefix) = name.get(..36) {
        let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.insert(prefix.to_owned());
    }
}
