//! The URLs in responses.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use facegen_core::{FileKind, FileName};
use facegen_core::{Job, JobId};

use crate::ApiError;
use crate::flavor::ApiFlavor;

/// Returns the base URL of this server for its caller: the one that the
/// operator set, else `http://` and the host of the request.
///
/// # Errors
/// Fails when no URL is set and the request names no host.
pub(crate) fn base_url(
    public_url: Option<&str>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<String, ApiError> {
    if let Some(url) = public_url {
        return Ok(url.to_owned());
    }
    let header = headers.get(HOST).and_then(|value| value.to_str().ok());
    let host = header.or_else(|| uri.authority().map(Authority::as_str));
    host.filter(|host| is_host(host))
        .map(|host| format!("http://{host}"))
        .ok_or(ApiError::InvalidHost)
}

/// Returns whether the request names this machine by a loopback address, or the
/// host of the URL that the operator set. A page of another host, whose name an
/// attacker lets lead to this machine, names that host.
pub(crate) fn is_own_host(public_url: Option<&str>, uri: &Uri, headers: &HeaderMap) -> bool {
    let Ok(named) = base_url(None, uri, headers) else {
        return false;
    };
    let Some(host) = host_of(&named) else {
        return false;
    };
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_loopback = address.is_ok_and(|address| address.is_loopback());
    let is_public = |url| host_of(url).is_some_and(|own| own.eq_ignore_ascii_case(&host));
    is_loopback || host.eq_ignore_ascii_case("localhost") || public_url.is_some_and(is_public)
}

/// Returns the host of a URL, without its port.
fn host_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(uri.host()?.to_owned())
}

/// Returns whether `text` is a host with an optional port, and nothing that has
/// another meaning within a URL.
fn is_host(text: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-._:[]".contains(character);
    let Ok(authority) = text.parse::<Authority>() else {
        return false;
    };
    text.chars().all(plain) && !authority.host().is_empty()
}

/// Builds URLs below one base.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Links<'a> {
    base: &'a str,
    flavor: ApiFlavor,
}

impl<'a> Links<'a> {
    /// Builds URLs below `base`, with or without a slash at its end.
    pub(crate) fn new(base: &'a str) -> Self {
        Self {
            base: base.trim_end_matches('/'),
            flavor: ApiFlavor::FaceGen,
        }
    }

    /// Builds the URLs of this flavor.
    pub(crate) fn within(self, flavor: ApiFlavor) -> Self {
        Self { flavor, ..self }
    }

    /// Returns the URL at which a job is fetched.
    pub(crate) fn fetch(self, id: JobId) -> String {
        format!("{}{}", self.base, self.flavor.fetch(id))
    }

    /// Returns the URL of a file of this server.
    pub(crate) fn file(self, name: &FileName) -> String {
        format!("{}/temp/{}", self.base, name.expose())
    }

    /// Returns the current or future links of a job's images: in their bucket
    /// if there is one, else on this server.
    pub(crate) fn images(self, job: &Job) -> Vec<String> {
        let kind = if job.request.delivery.base64 {
            FileKind::Base64
        } else {
            FileKind::Png
        };
        job.objects()
            .filter(|object| object.file.kind == kind)
            .map(|object| match &job.link_base {
                Some(base) => format!("{}/{}", base.trim_end_matches('/'), object.expose()),
                None => self.file(&object.file),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn from_host(host: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        base_url(None, &Uri::from_static("/"), &headers).ok()
    }

    #[test]
    fn hosts_become_addresses() {
        for host in [
            "localhost",
            "localhost:8080",
            "10.0.0.1:80",
            "[::1]:8080",
            "a-b.example",
        ] {
            assert_eq!(from_host(host), Some(format!("http://{host}")));
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for host in [
            "",
            "user@example.org",
            "example.org/path",
            "a b",
            "a\"b",
            "a?b",
            ":80",
            "<x>",
        ] {
            assert_eq!(from_host(host), None, "{host}");
        }
        let nothing = base_url(None, &Uri::from_static("/"), &HeaderMap::new());
        assert!(nothing.is_err());
    }

    #[test]
    fn only_loopback_and_the_operators_host_are_this_machine() {
        let is_own = |host: &'static str, public_url| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            is_own_host(public_url, &Uri::from_static("/"), &headers)
        };
        for host in [
            "127.0.0.1:8080",
            "127.8.9.1",
            "localhost:1",
            "LOCALHOST",
            "[::1]:8080",
        ] {
            assert!(is_own(host, None), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example",
            "192.168.1.20:8080",
            "0.0.0.0:8080",
            "127.0.0.1@evil.example",
            "",
        ] {
            assert!(!is_own(host, None), "{host}");
        }
        let public = Some("https://faces.example:8443");
        assert!(is_own("Faces.example", public) && is_own("localhost", public));
        assert!(!is_own("evil.example", public));
        assert!(!is_own_host(
            public,
            &Uri::from_static("/"),
            &HeaderMap::new()
        ));
    }

    #[test]
    fn the_address_of_the_operator_comes_first() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("evil.example"));
        let base = base_url(
            Some("https://faces.example/x/"),
            &Uri::from_static("/"),
            &headers,
        );
        let base = base.unwrap();
        let id = JobId::new(1).unwrap();
        assert_eq!(
            Links::new(&base).fetch(id),
            "https://faces.example/x/api/v1/enterprise/face_gen/fetch/1"
        );
    }

    #[test]
    fn a_request_without_the_header_may_name_its_host_in_its_address() {
        let uri = Uri::from_static("http://example.org:81/healthz");
        let base = base_url(None, &uri, &HeaderMap::new());
        assert_eq!(base.unwrap(), "http://example.org:81");
    }
}
