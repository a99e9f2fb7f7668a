//! Multipart forms, as clients send them.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use serde_json::Value;

use crate::server::request;

/// The boundary of all forms.
const BOUNDARY: &str = "---a-boundary";

/// A form before its end.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    /// Creates a form with these fields: texts as they are, other values as JSON
    /// writes them, and no part for null.
    pub(crate) fn of(fields: &Value) -> Self {
        let fields = fields.as_object().unwrap().iter();
        fields.fold(Self::default(), |form, (name, value)| match value {
            Value::Null => form,
            Value::String(text) => form.text(name, text),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                form.text(name, &value.to_string())
            }
        })
    }

    pub(crate) fn text(self, name: &str, content: &str) -> Self {
        self.part(&format!("name=\"{name}\""), content.as_bytes())
    }

    pub(crate) fn file(self, name: &str, content: &[u8]) -> Self {
        let parameters =
            format!("name=\"{name}\"; filename=\"face.jpg\"\r\nContent-Type: image/jpeg");
        self.part(&parameters, content)
    }

    /// Adds a part with these parameters, and what follows them in its header.
    pub(crate) fn part(mut self, parameters: &str, content: &[u8]) -> Self {
        let disposition = format!("Content-Disposition: form-data; {parameters}");
        let head = format!("--{BOUNDARY}\r\n{disposition}\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(content);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// Returns the whole form.
    pub(crate) fn bytes(mut self) -> Vec<u8> {
        let end = format!("--{BOUNDARY}--\r\n");
        self.0.extend_from_slice(end.as_bytes());
        self.0
    }

    /// Returns the request with the whole form.
    pub(crate) fn request(self, path: &str) -> Request<Body> {
        form_request(path, BOUNDARY, self.bytes())
    }
}

/// Returns a request with a body that is a form with this boundary, or says so.
pub(crate) fn form_request(path: &str, boundary: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = request(Method::POST, path, body);
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let content_type = HeaderValue::from_str(&content_type).unwrap();
    request.headers_mut().insert("content-type", content_type);
    request
}
