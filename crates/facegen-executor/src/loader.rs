//! The loading of a backend, whose panic is an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use facegen_core::Backend;

use crate::error::LoadError;

/// Loads a backend, at first and after it broke.
pub(crate) type Loader = Box<dyn FnMut() -> Result<Box<dyn Backend>, LoadError> + Send>;

/// Loads a backend.
///
/// # Errors
/// Fails when the loader does, or panics.
pub(crate) fn load_guarded(loader: &mut Loader) -> Result<Box<dyn Backend>, LoadError> {
    catch_unwind(AssertUnwindSafe(loader)).unwrap_or_else(|payload| {
        // No request is loaded, so its message can be reported.
        let message = panic_message(payload.as_ref());
        Err(format!("the loader panicked: {message}").into())
    })
}

/// Returns the message of a panic, if it has one.
fn panic_message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
