//! Resolving host names, with a short timeout.

use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

/// The timeout of one look-up. The system itself retries only after five
/// seconds.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);

/// How many look-ups, in case a query or its answer was lost.
const ATTEMPTS: usize = 2;

/// The system's resolver; its dozen errors all become [`Error::HostNotFound`].
#[derive(Debug, Default)]
pub(super) struct Names(DefaultResolver);

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        for _ in 0..ATTEMPTS {
            match self.0.resolve(uri, config, timeout) {
                Err(Error::Timeout(Timeout::Resolve)) => {}
                Err(Error::Io(_)) => break,
                other => return other,
            }
        }
        Err(Error::HostNotFound)
    }
}
