//! Buckets of a real server that speaks S3.
//!
//! - [`bucket`]: the tests
//! - [`conformance`]: the suite of every store
//! - [`seaweed`]: the server
//! - [`proxy`]: failures on the way there
//! - [`no_acl`]: a service without ACLs
//! - [`endpoints`]: spellings of endpoints, and the errors of failed requests
//! - [`plain`]: a bucket with scripted failures

#[cfg(test)]
mod bucket;
#[cfg(test)]
#[path = "../../src/store/conformance.rs"]
mod conformance;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod no_acl;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod seaweed;
