//! Why a URL was not opened or gave nothing.

use std::error::Error;
use std::iter;
use std::net::IpAddr;
use std::time::Duration;

use facegen_core::ErrorCode;
use thiserror::Error;

/// Why the guard gives nothing. The texts are for logs: they hold no URL, but
/// may hold what callers must not learn about the networks of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GuardError {
    /// The URL may not be opened.
    #[error("the url is refused: {0}")]
    Refused(#[source] Refusal),
    /// The URL leads on to one that may not be opened.
    #[error("the target of a redirect is refused: {0}")]
    RedirectRefused(#[source] Refusal),
    /// Each answer leads on to another URL.
    #[error("there are more than {0} redirects")]
    TooManyRedirects(usize),
    /// No name, no connection, no TLS, or no HTTP.
    #[error("the host cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("there is no complete answer after {} seconds", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The answer is not the one that was asked for.
    #[error("the host answered {0}")]
    Status(u16),
    /// The answer is longer than is read.
    #[error("the answer is longer than {max_bytes} bytes")]
    TooLong {
        /// The longest answer that is read, in bytes.
        max_bytes: usize,
    },
    /// The client cannot be made: there are no root certificates.
    #[error("the http client cannot be made: {0}")]
    Client(String),
}

impl GuardError {
    /// The kind of failure, for callers.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Client(_) => ErrorCode::Internal,
            Self::Refused(_)
            | Self::RedirectRefused(_)
            | Self::TooManyRedirects(_)
            | Self::Unreachable(_)
            | Self::TimedOut(_)
            | Self::Status(_)
            | Self::TooLong { .. } => ErrorCode::InvalidFaceImage,
        }
    }

    /// The same error, met at the target of a redirect.
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
        Self::Unreachable(texts.join(": "))
    }
}

/// `error`, what caused it, what caused that, and so on.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        (*error).source()
    })
}

/// Which rule a URL breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It cannot be parsed, or names no host.
    #[error("it is not a url with a host")]
    NotAUrl,
    /// It is neither `http` nor `https`.
    #[error("its scheme is neither http nor https")]
    Scheme,
    /// It holds a user name or a password, which are never sent.
    #[error("it holds a user name or a password")]
    Userinfo,
    /// Something else than HTTP listens there.
    #[error("port {0} is not one of http")]
    Port(u16),
    /// Its host is a name of this machine or of its cloud.
    #[error("its host is a local name")]
    Name,
    /// Its host is an address that is neither public nor allowed.
    #[error("its address {0} is not public")]
    Address(IpAddr),
    /// Its host has such an address.
    #[error("its host resolves to {0}, which is not public")]
    Resolved(IpAddr),
    /// It leads from `https` to `http`: whoever asked for secrecy keeps it.
    #[error("it leads from https to http")]
    Downgrade,
}

impl Refusal {
    /// Whether the text of the URL alone breaks the rule, so that a caller
    /// learns nothing from hearing of it. That a name resolves to an inner
    /// address is not for callers.
    #[must_use]
    pub fn is_visible(self) -> bool {
        match self {
            Self::NotAUrl
            | Self::Scheme
            | Self::Userinfo
            | Self::Port(_)
            | Self::Name
            | Self::Address(_)
            | Self::Downgrade => true,
            Self::Resolved(_) => false,
        }
    }
}
