//! The first admin key.

use anyhow::Context;
use facegen_jobs::Keys;

use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::output;

/// Ensures that the admin key in the environment is valid, if there is one.
pub(super) async fn ensure_given(
    keys: &Keys,
    environment: &Environment,
    allow_short: bool,
) -> Result<(), Failure> {
    if let Some(key) = environment.api_key(allow_short)? {
        keys.ensure_environment_key(&key)
            .await
            .context("the API key of the environment cannot be used")?;
    }
    Ok(())
}

/// Ensures that an admin key exists: without one it is created and printed, only
/// this once, and by one of the nodes that begin at once. To be called when nothing
/// else can prevent the start, so that no key is printed above the error of a start
/// that failed.
pub(super) async fn ensure_any(keys: &Keys) -> Result<(), Failure> {
    let created = keys.create_first().await;
    let Some((key, text)) = created.context("cannot make the first API key")? else {
        return Ok(());
    };
    if let Err(error) = print(text.expose()) {
        // It was not shown, so the next start must create another.
        keys.revoke(key.id)
            .await
            .context("cannot revoke the first API key")?;
        return Err(error.into());
    }
    Ok(())
}

/// Prints the key; it is not logged, as logs are kept and shipped.
fn print(key: &str) -> anyhow::Result<()> {
    output::print_once(&format!(
        "API key: {key}\n\
         It is shown only once. Keep it, or set one with FACEGEN_API_KEY.\n"
    ))
}
