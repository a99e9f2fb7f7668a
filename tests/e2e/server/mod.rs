//! `facegen serve` with a preset of random weights, over HTTP.

mod attacks;
mod browser;
pub(crate) mod bucket;
mod client;
mod clients;
mod connections;
mod control;
mod engines;
mod kills;
mod logs;
mod nodes;
mod process;
mod receiver;
mod requests;
mod safety;
#[path = "../../../crates/facegen-outbound/tests/s3/seaweed.rs"]
#[expect(dead_code, reason = "its own tests use all of it")]
mod seaweed;
mod snippets;
mod stops;
mod uploads;
mod webhooks;
