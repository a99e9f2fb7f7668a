//! A proxy of TCP that can hold back all bytes while connections stay open, as a
//! network does that loses every packet for a while.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use anyhow::Result;

/// A proxy of one port of this host.
pub(super) struct Proxy {
    port: u16,
    is_silent: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts it; it ends with this process.
    pub(super) fn start(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self {
            port: listener.local_addr()?.port(),
            is_silent: Arc::default(),
        };
        let is_silent = Arc::clone(&proxy.is_silent);
        spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)) {
                    // Without a clone of one of them both are closed.
                    let _ = connect(&client, &server, &is_silent);
                }
            }
        });
        Ok(proxy)
    }

    /// Returns the port at which it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Holds back all bytes, or passes them on again.
    pub(super) fn set_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }
}

fn connect(client: &TcpStream, server: &TcpStream, is_silent: &Arc<AtomicBool>) -> Result<()> {
    for (from, to) in [(client, server), (server, client)] {
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        let is_silent = Arc::clone(is_silent);
        spawn(move || pass_on(from, to, &is_silent));
    }
    Ok(())
}

/// Passes bytes on until one side closes.
fn pass_on(mut from: TcpStream, mut to: TcpStream, is_silent: &AtomicBool) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        while is_silent.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(20));
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // Closed already, if this fails.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
