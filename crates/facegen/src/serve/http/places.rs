//! Who is connected, and who gives way when places are wanted.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::waiting::Waiting;

/// A connection that the server has waited for so long may be closed when its
/// place is wanted: long enough for a request to come from anywhere.
const SILENT_TIME: Duration = Duration::from_secs(1);

/// How often the log says that places are wanted.
const TOLD_EVERY: Duration = Duration::from_secs(30);

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of all addresses.
    pub(crate) all: usize,
    /// Of one address.
    pub(crate) of_address: usize,
    /// Beyond that, for questions after the health.
    pub(crate) spare: usize,
}

/// All connections.
#[derive(Debug)]
pub(super) struct Places {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    /// How many were closed for others since the log was told.
    closed: usize,
    told: Option<Instant>,
}

/// An open connection.
#[derive(Debug)]
struct Open {
    address: IpAddr,
    spare: bool,
    waiting: Arc<Waiting>,
    close: CancellationToken,
}

impl Places {
    /// Places that are all free.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    /// A place for a connection from `address`; another one is closed for it
    /// when that is needed. `None` when even the spare places are taken by
    /// connections that cannot be closed.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = network(address);
        let mut state = self.lock();
        let has_place = state.make_room(self.limits.of_address, SILENT_TIME, |open| {
            !open.spare && open.address == address
        }) && state.make_room(self.limits.all, SILENT_TIME, |open| !open.spare);
        // Spare places are wanted at once, whoever has just got them.
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
        let place = Place {
            places: Arc::clone(self),
            number,
            spare: open.spare,
            waiting: Arc::clone(&open.waiting),
            close: open.close.clone(),
        };
        state.open.insert(number, open);
        Some(place)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether one connection more may be among these; the one that the server
    /// has waited for the longest is closed for it, if it has for that long.
    fn make_room(&mut self, most: usize, silent: Duration, among: impl Fn(&Open) -> bool) -> bool {
        let these = || self.open.iter().filter(|(_, open)| among(open));
        if these().count() < most {
            return true;
        }
        let waited = these().filter_map(|(number, open)| Some((open.waiting.waits()?, *number)));
        // Of those that are as silent, the one that came first.
        let longest = waited.max_by_key(|(waited, number)| (*waited, Reverse(*number)));
        let longest = longest.filter(|(waited, _)| *waited >= silent);
        let Some((_, number)) = longest else {
            return false;
        };
        if let Some(open) = self.open.remove(&number) {
            open.close.cancel();
        }
        self.tell();
        true
    }

    fn tell(&mut self) {
        self.closed += 1;
        if self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
            return;
        }
        let (closed, open) = (self.closed, self.open.len());
        tracing::warn!(closed, open, "too many connections, closing idle ones");
        self.closed = 0;
        self.told = Some(Instant::now());
    }
}

/// The place of a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    spare: bool,
    waiting: Arc<Waiting>,
    close: CancellationToken,
}

impl Place {
    /// Returns when the connection has to give way.
    pub(super) async fn closed(&self) {
        self.close.cancelled().await;
    }

    /// Whether it is for questions after the health alone.
    pub(super) fn is_spare(&self) -> bool {
        self.spare
    }

    /// Which side waits for the other.
    pub(super) fn waiting(&self) -> Arc<Waiting> {
        Arc::clone(&self.waiting)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().open.remove(&self.number);
    }
}

/// What counts as one address: of IPv6 a network of the size that one client
/// gets.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}
