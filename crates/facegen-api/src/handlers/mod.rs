//! One file for each kind of route.
//!
//! | chapter | answers |
//! |---|---|
//! | [`control`] | callers who control the server |
//! | [`make_gen`] | the request for images |
//! | [`base64_to_url`] | who sends an image to get a link |
//! | [`buckets`] | the bucket that a key describes |
//! | [`docs`] | whoever reads the description of the API |
//! | [`fetch`] | the question after them |
//! | `images` | what both tell of a job that has succeeded |
//! | [`files`] | the images themselves |
//! | [`v1`] | what is ours beyond the documented API |
//! | [`operations`] | operators and their machines |

pub(crate) mod base64_to_url;
pub(crate) mod buckets;
pub(crate) mod control;
pub(crate) mod docs;
pub(crate) mod fetch;
pub(crate) mod files;
mod images;
pub(crate) mod make_gen;
pub(crate) mod operations;
pub(crate) mod v1;
