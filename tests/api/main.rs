//! The HTTP interface over the real job service, with a fake backend, a store
//! in memory and a clock that the tests move. Requests go straight into the
//! router, no port is opened.
//!
//! | module | about |
//! |---|---|
//! | [`make_gen`] | `/api/v1/enterprise/face_gen/make_gen` |
//! | [`make_gen_errors`] | the same with invalid requests |
//! | [`fetch`] | `/api/v1/enterprise/face_gen/fetch` |
//! | [`families`] | the same calls under other paths |
//! | [`base64_to_url`] | images that are sent to get a link |
//! | [`control`] | `clear_queue`, `restart_server` and the like |
//! | [`cors`] | calls by pages of other origins |
//! | [`temp`] | `/temp` |
//! | [`jobs`] | `/v1/jobs` |
//! | [`deliveries`] | `/v1/deliveries` |
//! | [`idempotency`] | requests that are sent again |
//! | [`operations`] | `/`, `/healthz`, `/readyz` and `/metrics` |
//! | [`openapi`] | `/openapi.json` |
//! | [`bodies`] | request bodies of every kind, on any route |
//! | [`multipart`] | forms with the photo as a file |
//! | [`cases`] | tables of requests |
//! | [`faces`] | `/v1/faces` |
//! | [`page_key`] | `/page/key` |
//! | [`key`] | `/v1/key` |
//! | [`keys`] | keys, and what belongs to them |
//! | [`limits`] | the limits of a key |
//! | [`schemathesis`] | requests generated from the description |
//! | [`queue`] | a full queue |
//! | [`errors`] | every error |
//! | [`everywhere`] | behaviour that is common to all routes |
//! | [`logs`] | what the log contains |
//! | [`webhooks`] | the bodies of webhooks |
//! | [`fuzzed`] | the seeds of the fuzzer |
//! | [`urls`] | URLs that can never be opened |
//! | [`server`] | the server under test |
//! | [`form`] | multipart forms |
//! | [`answer`] | its responses |
//! | [`captured_log`] | its log |

#[cfg(test)]
mod answer;
#[cfg(test)]
mod base64_to_url;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod captured_log;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod control;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod everywhere;
#[cfg(test)]
mod faces;
#[cfg(test)]
mod families;
#[cfg(test)]
mod fetch;
#[cfg(test)]
mod form;
#[cfg(test)]
mod fuzzed;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod key;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod make_gen;
#[cfg(test)]
mod make_gen_errors;
#[cfg(test)]
mod multipart;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod own_images;
#[cfg(test)]
mod page_key;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod schemathesis;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod temp;
#[cfg(test)]
mod urls;
#[cfg(test)]
mod webhooks;
