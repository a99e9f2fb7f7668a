//! The page that people see who open the server in a browser: it asks for
//! images as any client would, and shows how to do the same from programs.
//!
//! It is compiled in and loads nothing from elsewhere. Each file of `js` is a
//! module with one idea; the page begins with `main.js`. Their types are in
//! comments, which `tsc --project` of this directory checks.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::ApiError;
use crate::openapi::errors::FileErrors;

const HTML: &str = include_str!("index.html");

/// Nothing but the page's own files runs, and images may be in a bucket.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src * data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const JPEG: &str = "image/jpeg";

/// A file that the page loads.
struct PageFile {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// The file of a directory, under its name alone.
macro_rules! file {
    ($content_type:ident, $directory:literal, $name:literal) => {
        PageFile {
            name: $name,
            content_type: $content_type,
            bytes: include_bytes!(concat!($directory, $name)),
        }
    };
}

/// All of them.
const FILES: &[PageFile] = &[
    file!(CSS, "", "page.css"),
    file!(JPEG, "", "example.jpg"),
    file!(JAVASCRIPT, "js/", "api.js"),
    file!(JAVASCRIPT, "js/", "code.js"),
    file!(JAVASCRIPT, "js/", "dom.js"),
    file!(JAVASCRIPT, "js/", "errors.js"),
    file!(JAVASCRIPT, "js/", "faces.js"),
    file!(JAVASCRIPT, "js/", "fields.js"),
    file!(JAVASCRIPT, "js/", "follow.js"),
    file!(JAVASCRIPT, "js/", "gallery.js"),
    file!(JAVASCRIPT, "js/", "generation.js"),
    file!(JAVASCRIPT, "js/", "kept.js"),
    file!(JAVASCRIPT, "js/", "key.js"),
    file!(JAVASCRIPT, "js/", "limits.js"),
    file!(JAVASCRIPT, "js/", "main.js"),
    file!(JAVASCRIPT, "js/", "metrics.js"),
    file!(JAVASCRIPT, "js/", "operations.js"),
    file!(JAVASCRIPT, "js/", "photo.js"),
    file!(JAVASCRIPT, "js/", "progress.js"),
    file!(JAVASCRIPT, "js/", "results.js"),
    file!(JAVASCRIPT, "js/", "run.js"),
    file!(JAVASCRIPT, "js/", "safety.js"),
    file!(JAVASCRIPT, "js/", "server.js"),
    file!(JAVASCRIPT, "js/", "snippet.js"),
    file!(JAVASCRIPT, "js/", "sse.js"),
    file!(JAVASCRIPT, "js/", "tab.js"),
];

/// Whether the caller is a browser that shows pages.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// The page itself.
pub(crate) fn html() -> Response {
    let mut response = ([(CONTENT_TYPE, "text/html; charset=utf-8")], HTML).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// A file of the page at `/`
#[utoipa::path(
    get,
    path = "",
    tag = "operations",
    params(("file" = String, Path, description = "The name.", example = "main.js")),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/css"), (String = "text/javascript"), ("image/jpeg"),
        )),
        FileErrors,
    ),
    security(()),
)]
pub(crate) async fn file(path: Result<Path<String>, PathRejection>) -> Result<Response, ApiError> {
    let Path(name) = path.map_err(|_| ApiError::UnknownFile)?;
    let found = FILES.iter().find(|file| file.name == name);
    let found = found.ok_or(ApiError::UnknownFile)?;
    Ok(([(CONTENT_TYPE, found.content_type)], found.bytes).into_response())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// What the page may weigh, without images.
    const MOST_BYTES: usize = 100_000;

    fn names() -> BTreeSet<String> {
        FILES.iter().map(|file| file.name.to_owned()).collect()
    }

    #[test]
    fn every_script_is_served() {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/page/js");
        let scripts = fs::read_dir(directory).unwrap();
        let scripts: BTreeSet<String> = scripts
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let served = names().into_iter().filter(|name| name.ends_with(".js"));
        assert_eq!(served.collect::<BTreeSet<_>>(), scripts);
    }

    #[test]
    fn scripts_import_served_scripts_only() {
        let mut imports = 0;
        for script in FILES.iter().filter(|file| file.content_type == JAVASCRIPT) {
            let text = str::from_utf8(script.bytes).unwrap();
            let lines = text.lines();
            for (_, name) in lines.filter_map(|line| line.split_once(" from \"./")) {
                assert!(names().contains(name.trim_end_matches("\";")), "{name}");
                imports += 1;
            }
        }
        assert!(imports > 20, "{imports} imports");
    }

    #[test]
    fn the_page_is_light() {
        let texts = FILES.iter().filter(|file| file.content_type != JPEG);
        let bytes = HTML.len() + texts.map(|file| file.bytes.len()).sum::<usize>();
        assert!(bytes < MOST_BYTES, "{bytes} bytes");
    }

    /// The page says that the demo drew it, and so do the documents.
    #[test]
    fn the_example_is_that_of_the_documents() {
        let documents = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let documents = documents.join("../../docs/demo/portrait.jpg");
        let example = FILES.iter().find(|file| file.content_type == JPEG).unwrap();
        assert!(example.bytes == fs::read(documents).unwrap());
    }
}
