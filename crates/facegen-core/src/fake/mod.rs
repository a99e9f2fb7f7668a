//! Stand-ins for the ports, for tests.
//!
//! | chapter | stands for |
//! |---|---|
//! | [`backend`] | the model |
//! | [`buckets`] | the buckets of keys |
//! | [`clock`] | the time of day |
//! | [`control`] | whoever runs the server |
//! | [`face`] | the world where photographs are |
//! | [`judge`] | the judge of URLs |
//! | [`requests`] | what callers ask for |
//! | [`storage`] | the store of pictures |

pub mod backend;
pub mod buckets;
pub mod clock;
pub mod control;
pub mod face;
pub mod judge;
pub mod requests;
pub mod storage;

pub use backend::{Counts, FakeBackend, FakeControl, Fault, paint};
pub use buckets::FakeBuckets;
pub use clock::ManualClock;
pub use control::FakeServer;
pub use face::FakeFaceReader;
pub use judge::AnyUrl;
pub use storage::MemoryStore;
