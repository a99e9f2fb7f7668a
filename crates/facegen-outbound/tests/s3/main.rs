//! Buckets of a real server that speaks S3.
//!
//! - [`bucket`]: the tests
//! - [`conformance`]: what every store does
//! - [`seaweed`]: the server
//! - [`proxy`]: what can go wrong on the way there
//! - [`no_acl`]: a service that knows no ACLs
//! - [`endpoints`]: spellings of endpoints, and what is said of failures
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
