//! The open connections, and which one is closed at the limit.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::waiting::Waiting;

/// How long a connection must be idle before it can be closed for another: long
/// enough for a request to arrive from anywhere.
const SILENT_TIME: Duration = Duration::from_secs(1);

/// The minimum interval of log lines about closed connections.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// The limits on connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of all addresses.
    pub(crate) all: usize,
    /// Of one address.
    pub(crate) of_address: usize,
    /// Additional ones, for health checks.
    pub(crate) spare: usize,
}

/// The slots of all connections.
#[derive(Debug)]
pub(super) struct Connections {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    /// How many were closed for others since the last log line.
    closed: usize,
    logged: Option<Instant>,
}

/// An open connection.
#[derive(Debug)]
struct Open {
    address: IpAddr,
    spare: bool,
    waiting: Arc<Waiting>,
    close: CancellationToken,
}

impl Connections {
    /// Creates slots that are all free.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    /// Returns a slot for a connection from `address`, closing another one if
    /// necessary. `None` when even the spare slots are held by connections that
    /// cannot be closed.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let address = network(address);
        let mut state = self.lock();
        let has_place = state.make_room(self.limits.of_address, SILENT_TIME, |open| {
            !open.spare && open.address == address
        }) && state.make_room(self.limits.all, SILENT_TIME, |open| !open.spare);
        // A spare connection can be closed at once, however new it is.
        if !has_place && !state.make_room(self.limits.spare, Duration::ZERO, |open| open.spare) {
            return None;
        }
        let number = state.next;
        state.next += 1;
        let open = Open {
            address,
            spare: !has_place,
            waiting: Arc::new(Waiting::new()),
            close: CancellationToken::new(),
        };
        let permit = Permit {
            connections: Arc::clone(self),
            number,
            spare: open.spare,
            waiting: Arc::clone(&open.waiting),
            close: open.close.clone(),
        };
        state.open.insert(number, open);
        Some(permit)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns whether one more connection is possible among these; at the
    /// limit, the longest idle one is closed, if it has been idle for `silent`.
    fn make_room(&mut self, most: usize, silent: Duration, among: impl Fn(&Open) -> bool) -> bool {
        let these = || self.open.iter().filter(|(_, open)| among(open));
        if these().count() < most {
            return true;
        }
        let waited = these().filter_map(|(number, open)| Some((open.waiting.waits()?, *number)));
        // Among equally idle ones, the oldest.
        let longest = waited.max_by_key(|(waited, number)| (*waited, Reverse(*number)));
        let longest = longest.filter(|(waited, _)| *waited >= silent);
        let Some((_, number)) = longest else {
            return false;
        };
        if let Some(open) = self.open.remove(&number) {
            open.close.cancel();
        }
        self.log_closed();
        true
    }

    fn log_closed(&mut self) {
        self.closed += 1;
        if self
            .logged
            .is_some_and(|logged| logged.elapsed() < LOG_INTERVAL)
        {
            return;
        }
        let (closed, open) = (self.closed, self.open.len());
        tracing::warn!(closed, open, "too many connections, closing idle ones");
        self.closed = 0;
        self.logged = Some(Instant::now());
    }
}

/// The slot of a connection, released on drop.
#[derive(Debug)]
pub(super) struct Permit {
    connections: Arc<Connections>,
    number: u64,
    spare: bool,
    waiting: Arc<Waiting>,
    close: CancellationToken,
}

impl Permit {
    /// Waits until the connection must be closed.
    pub(super) async fn closed(&self) {
        self.close.cancelled().await;
    }

    /// Returns whether the slot is for health checks only.
    pub(super) fn is_spare(&self) -> bool {
        self.spare
    }

    /// Returns which side waits for the other.
    pub(super) fn waiting(&self) -> Arc<Waiting> {
        Arc::clone(&self.waiting)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.connections.lock().open.remove(&self.number);
    }
}

/// Returns what counts as one address: of IPv6 the /64 network, which one
/// client usually has.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}
