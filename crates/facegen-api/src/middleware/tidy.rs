//! Normalises paths with doubled or trailing slashes, which clients produce
//! when they join URLs.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Returns the request with a normalised path; see [`tidied`].
pub(crate) fn normalize_path(mut request: Request) -> Request {
    if let Some(uri) = tidied(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// Returns the URI with single slashes and none at the end, `None` when it has
/// that form already.
fn tidied(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("//") && (path == "/" || !path.ends_with('/')) {
        return None;
    }
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut tidy: String = segments.flat_map(|segment| ["/", segment]).collect();
    if tidy.is_empty() {
        tidy.push('/');
    }
    if let Some(query) = uri.query() {
        tidy.push('?');
        tidy.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(tidy.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_tidied() {
        for (path, tidy) in [
            ("/", None),
            ("/a/b", None),
            ("/a/b?x=//", None),
            ("/a/b/", Some("/a/b")),
            ("//", Some("/")),
            ("//a///b//?x=1//", Some("/a/b?x=1//")),
            ("http://h:1/a//b", Some("http://h:1/a/b")),
        ] {
            let uri: Uri = path.parse().unwrap();
            let found = tidied(&uri).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), tidy, "{path}");
        }
    }
}
