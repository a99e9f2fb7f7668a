//! One file for each kind of route.
//!
//! | chapter | answers |
//! |---|---|
//! | [`make_gen`] | the request for pictures |
//! | [`fetch`] | the question after them |
//! | [`files`] | the pictures themselves |
//! | [`operations`] | operators and their machines |

pub(crate) mod fetch;
pub(crate) mod files;
pub(crate) mod make_gen;
pub(crate) mod operations;
