//! `facegen serve` with a preset of random weights, over HTTP.
//!
//! - [`process`]: one server, and what it logs
//! - [`logs`]: logs that cannot be written
//! - [`attacks`]: slow and silent connections
//! - [`browser`]: the pages
//! - [`bucket`]: images in the bucket of a customer
//! - [`client`]: what a client sends and gets
//! - [`clients`]: clients that existed before the server
//! - [`requests`]: images, keys, links and refusals
//! - [`connections`]: what is hardly HTTP
//! - [`control`]: restarts, updates, an empty queue
//! - [`receiver`]: who gets webhooks
//! - [`safety`]: what is shown of unsafe images
//! - [`snippets`]: the commands of the documents
//! - [`stops`]: signals, a second server, hand-back
//! - [`uploads`]: images that are sent to get a link
//! - [`webhooks`]: what receivers get, and how they know whom it is from
//! - [`engines`]: several engines in one process
//! - [`kills`]: `kill -9` at every point of a job's life

mod attacks;
mod browser;
mod bucket;
mod client;
mod clients;
mod connections;
mod control;
mod engines;
mod kills;
mod logs;
mod process;
mod receiver;
mod requests;
mod safety;
mod snippets;
mod stops;
mod uploads;
mod webhooks;
