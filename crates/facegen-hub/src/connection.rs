//! Errors of requests that got no answer.

use std::io::{self, ErrorKind};

use facegen_core::preset::HubFile;

use crate::HubError;
use crate::origin::{host, shown};

/// Returns the error of a request that got no answer, without the client's
/// details about the URL, which can be a signed one. Where the host has never
/// answered (not `reached`), the error is permanent: the address is wrong, or
/// there is no route.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what else the client distinguishes means the same to an operator"
)]
pub(super) fn connection_error(
    file: &HubFile,
    url: &str,
    error: &ureq::Error,
    reached: bool,
) -> HubError {
    let (file, shown) = (file.to_string(), shown(url));
    let (reason, may_pass) = match error {
        ureq::Error::HostNotFound => {
            return HubError::Unresolved {
                file,
                host: host(url),
                url: shown,
                may_pass: reached,
            };
        }
        ureq::Error::Io(error) => (error.to_string(), reached || !is_unreachable(error)),
        ureq::Error::Timeout(ureq::Timeout::Connect) | ureq::Error::ConnectionFailed => {
            ("there is no answer from its address".to_owned(), reached)
        }
        ureq::Error::Timeout(_) => ("it took too long".to_owned(), true),
        ureq::Error::Rustls(error) => (error.to_string(), false),
        ureq::Error::BadUri(_) => ("it is no url of a host".to_owned(), false),
        _ => ("the answer is not valid HTTP".to_owned(), false),
    };
    HubError::Connection {
        file,
        url: shown,
        reason,
        may_pass,
    }
}

/// Whether a connection failed because there is no route, or no listener.
fn is_unreachable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
    )
}
