//! The handlers, one file for each kind of route.

pub(crate) mod base64_to_url;
pub(crate) mod buckets;
pub(crate) mod control;
pub(crate) mod docs;
pub(crate) mod fetch;
pub(crate) mod files;
mod images;
pub(crate) mod make_gen;
pub(crate) mod operations;
pub(crate) mod page_key;
pub(crate) mod v1;
