//! Fakes of the ports, for tests.

pub mod backend;
pub mod buckets;
pub mod clock;
pub mod control;
pub mod face;
pub mod paint;
pub mod requests;
pub mod storage;
pub mod url_checker;

pub use backend::{Counts, FakeBackend, FakeControl, Fault};
pub use buckets::FakeBuckets;
pub use clock::ManualClock;
pub use control::FakeServer;
pub use face::FakeFaceReader;
pub use paint::paint;
pub use storage::MemoryStore;
pub use url_checker::AnyUrl;
