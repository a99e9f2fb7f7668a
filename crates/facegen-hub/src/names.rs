//! Names of hosts to addresses, or soon to the news that there are none.

use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

/// How long the system gets to find a name. It asks again by itself only after
/// five seconds.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);

/// How often it is asked, in case that a question or its answer was lost.
const ATTEMPTS: usize = 2;

/// The resolver of the system, whose failures all become [`Error::HostNotFound`]: the
/// system has a dozen names for them.
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
