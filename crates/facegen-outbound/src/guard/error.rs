//! Why a request was refused or failed.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;
use std::net::IpAddr;
use std::time::Duration;

use facegen_core::ErrorCode;
use thiserror::Error;
use url::ParseError;

use super::address::embedded_v4;

/// Why the guard returns no response. The texts are for logs: they hold no URL,
/// but may hold what callers must not learn about the networks of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GuardError {
    /// The URL may not be opened.
    #[error("the url is refused: {0}")]
    Refused(#[source] Refusal),
    /// The URL redirects to one that may not be opened.
    #[error("the target of a redirect is refused: {0}")]
    RedirectRefused(#[source] Refusal),
    /// Each response redirects to another URL.
    #[error("there are more than {0} redirects")]
    TooManyRedirects(usize),
    /// No name, no connection, no TLS, or no HTTP.
    #[error("the host cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke before the response was complete.
    #[error("the host broke off the connection: {0}")]
    BrokenOff(String),
    /// The deadline has passed.
    #[error("there is no complete answer after {} seconds", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The status is not a success.
    #[error("the host answered {0}")]
    Status(u16),
    /// The response holds only a part of the content.
    #[error("the host answered 206 with a part")]
    Part,
    /// The response is longer than the limit.
    #[error("the answer is longer than {max_bytes} bytes")]
    TooLong {
        /// The longest answer that is read, in bytes.
        max_bytes: usize,
    },
    /// The client cannot be built: there are no root certificates.
    #[error("the http client cannot be made: {0}")]
    Client(String),
}

impl GuardError {
    /// Returns the kind of failure, for callers.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Client(_) => ErrorCode::Internal,
            Self::Refused(_)
            | Self::RedirectRefused(_)
            | Self::TooManyRedirects(_)
            | Self::Unreachable(_)
            | Self::BrokenOff(_)
            | Self::TimedOut(_)
            | Self::Status(_)
            | Self::Part
            | Self::TooLong { .. } => ErrorCode::InvalidFaceImage,
        }
    }

    /// Returns whether a retry may succeed.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Status(502..=504) | Self::BrokenOff(_))
    }

    /// Returns the same error for the target of a redirect.
    pub(super) fn at_redirect(self) -> Self {
        if let Self::Refused(refusal) = self {
            Self::RedirectRefused(refusal)
        } else {
            self
        }
    }
}

impl From<reqwest::Error> for GuardError {
    fn from(error: reqwest::Error) -> Self {
        // Its text holds the whole URL, query and all.
        let error = error.without_url();
        if let Some(refusal) = causes(&error).find_map(|cause| cause.downcast_ref::<Refusal>()) {
            return Self::Refused(*refusal);
        }
        if error.is_builder() {
            return Self::Refused(Refusal::NotAUrl);
        }
        let texts: Vec<String> = causes(&error).map(ToString::to_string).collect();
        let text = texts.join(": ");
        if causes(&error).any(breaks_off) {
            return Self::BrokenOff(text);
        }
        Self::Unreachable(text)
    }
}

/// Returns whether the peer closed an established connection.
fn breaks_off(cause: &(dyn Error + 'static)) -> bool {
    let by_system = cause.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
        )
    });
    let by_protocol = cause.downcast_ref::<hyper::Error>();
    by_system || by_protocol.is_some_and(hyper::Error::is_incomplete_message)
}

/// Returns `error` and the chain of its sources.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        (*error).source()
    })
}

/// The rule that a URL breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It has no host, or its request cannot be sent.
    #[error("it is not a url with a host")]
    NotAUrl,
    /// It cannot be parsed.
    #[error("it is not a url: {0}")]
    Syntax(ParseError),
    /// It is neither `http` nor `https`.
    #[error("its scheme is neither http nor https")]
    Scheme,
    /// It holds a user name or a password, which are never sent.
    #[error("it holds a user name or a password")]
    Userinfo,
    /// Its port is that of another protocol than HTTP.
    #[error("port {0} is not one of http")]
    Port(u16),
    /// Its host is a name of this machine.
    #[error("its host is a name of this machine")]
    LocalName,
    /// Its host is a name of a cloud's metadata.
    #[error("its host is a name of a cloud's metadata")]
    MetadataName,
    /// Its host is an address that is neither public nor allowed.
    #[error("its address {0} is not public")]
    Address(IpAddr),
    /// Its host has such an address.
    #[error("its host resolves to {0}, which is not public")]
    Resolved(IpAddr),
    /// It redirects from `https` to `http`, which would send the request unencrypted.
    #[error("it leads from https to http")]
    Downgrade,
}

impl Refusal {
    /// Returns the rule, for callers, and the setting that would allow the URL,
    /// if there is one; `None` where more than the text of the URL breaks it:
    /// callers must not learn that a name resolves to a private address.
    #[must_use]
    pub fn rule(self) -> Option<String> {
        let rule = match self {
            Self::NotAUrl | Self::Scheme => "must be an http or https URL",
            Self::Syntax(error) => return Some(format!("must be a valid URL ({error})")),
            Self::Userinfo => {
                "must not hold a user name or a password, which would not be sent; \
                 put a token into the query instead"
            }
            Self::Port(port) => {
                return Some(format!(
                    "must not lead to port {port}, on which something else than HTTP listens"
                ));
            }
            Self::LocalName => {
                "must not lead to localhost, which is this server itself, unless \
                 outbound.allow_networks in its config has 127.0.0.0/8 and ::1/128"
            }
            Self::MetadataName => "must not lead to the metadata of a cloud",
            Self::Address(address) => return Some(address_rule(address)),
            Self::Downgrade => "must not lead from https to http",
            Self::Resolved(_) => return None,
        };
        Some(rule.to_owned())
    }
}

fn address_rule(address: IpAddr) -> String {
    let address = embedded_v4(address).map_or(address, IpAddr::V4);
    let bits = if address.is_ipv4() { 32 } else { 128 };
    format!(
        "must not lead to {address}, which is not a public address, unless \
         outbound.allow_networks in the server's config has {address}/{bits}"
    )
}
