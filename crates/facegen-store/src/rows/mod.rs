//! How rows of either database become the types of the ports.
//!
//! Both databases name their columns alike, so that one reader serves both.

mod bucket;
mod columns;
mod delivery;
mod images;
mod job;
mod key;
mod node;
mod upload;
mod values;

pub(crate) use bucket::bucket;
pub(crate) use columns::{Columns, failed};
pub(crate) use delivery::{delivery, record};
pub(crate) use images::Images;
pub(crate) use job::{claim, job};
pub(crate) use key::key;
pub(crate) use node::{node, orders};
pub(crate) use upload::expired_upload;
pub(crate) use values::{amount, check_room, id, integer, json, millis, number};
