//! Names to addresses, with no second lookup between the check and the use.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Networks, Refusal};

/// Finds the addresses of a name.
#[async_trait]
pub trait NameResolver: fmt::Debug + Send + Sync {
    /// All addresses of `name`.
    ///
    /// # Errors
    /// There is no such name, or nobody to ask.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl NameResolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = tokio::net::lookup_host((name, 0)).await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}

/// Gives the client the addresses that it connects to, all of them checked.
/// A name of which one address is refused is refused: an honest name does not
/// mix public and private addresses.
#[derive(Debug)]
pub(super) struct CheckedResolver {
    pub(super) inner: Arc<dyn NameResolver>,
    pub(super) networks: Arc<Networks>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let inner = Arc::clone(&self.inner);
        let networks = Arc::clone(&self.networks);
        Box::pin(async move {
            let addresses = inner.resolve(name.as_str()).await?;
            if let Some(refused) = addresses.iter().find(|address| !networks.permit(**address)) {
                return Err(Refusal::Resolved(*refused).into());
            }
            // The client puts the port of the URL in the place of 0.
            let addresses = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
