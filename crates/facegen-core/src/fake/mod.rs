//! Stand-ins for the ports, for tests.
//!
//! | chapter | stands for |
//! |---|---|
//! | [`backend`] | the model |
//! | [`buckets`] | the buckets of keys |
//! | [`clock`] | the time of day |
//! | [`control`] | whoever runs the server |
//! | [`face`] | the fake hosts where photos are |
//! | [`url_checker`] | the judge of URLs |
//! | [`requests`] | what callers ask for |
//! | [`storage`] | the store of images |

pub mod backend;
pub mod buckets;
pub mod clock;
pub mod control;
pub mod face;
pub mod requests;
pub mod storage;
pub mod url_checker;

pub use backend::{Counts, FakeBackend, FakeControl, Fault, paint};
pub use buckets::FakeBuckets;
pub use clock::ManualClock;
pub use control::FakeServer;
pub use face::FakeFaceReader;
pub use storage::MemoryStore;
pub use url_checker::AnyUrl;
