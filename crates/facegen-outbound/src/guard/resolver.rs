//! Resolves names, with no second lookup between the check and the use.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::{Semaphore, oneshot};

use super::{Networks, Refusal};

/// Finds the addresses of a name.
#[async_trait]
pub trait NameResolver: fmt::Debug + Send + Sync {
    /// Returns all addresses of `name`.
    ///
    /// # Errors
    /// Fails when there is no such name, or no resolver can be reached.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// How many names are looked up at once.
const LOOKUPS: usize = 128;

/// The permits of lookups.
static PLACES: Semaphore = Semaphore::const_new(LOOKUPS);

/// The resolver of the system. It blocks for long over a name whose servers do
/// not answer, also when no caller waits any more. So it has threads of its
/// own, and uses none that read files and photos.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl NameResolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let place = PLACES.acquire().await.map_err(io::Error::other)?;
        let name = name.to_owned();
        let (found, lookup) = oneshot::channel();
        let look_up = move || {
            let addresses = (name.as_str(), 0).to_socket_addrs();
            let addresses = addresses.map(|all| all.map(|address| address.ip()).collect());
            // The caller may have stopped waiting.
            let _ = found.send(addresses);
            drop(place);
        };
        thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(look_up)?;
        lookup.await.map_err(io::Error::other)?
    }
}

/// Gives the client the addresses that it connects to, all of them checked. A
/// name is refused if one of its addresses is: an honest name does not mix
/// public and private addresses.
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
            if let Some(refused) = addresses.iter().find(|address| !networks.allows(**address)) {
                return Err(Refusal::Resolved(*refused).into());
            }
            // The client replaces the 0 by the port of the URL.
            let addresses = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
