//! Names to addresses, with no second lookup between the check and the use.

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
    /// All addresses of `name`.
    ///
    /// # Errors
    /// There is no such name, or nobody to ask.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// How many names are looked up at once.
const LOOKUPS: usize = 128;

/// The places for them.
static PLACES: Semaphore = Semaphore::const_new(LOOKUPS);

/// The resolver of the machine. It blocks, and takes its time over a name whose
/// servers do not answer, also when nobody waits any more. So it has threads of
/// its own, and takes none from the reading of files and photos.
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
            // Nobody may be waiting any more.
            let _ = found.send(addresses);
            drop(place);
        };
        thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(look_up)?;
        lookup.await.map_err(io::Error::other)?
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
            if let Some(refused) = addresses.iter().find(|address| !networks.allows(**address)) {
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
