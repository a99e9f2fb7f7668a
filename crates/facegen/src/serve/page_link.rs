//! The link to the page that `facegen run` prints.

use std::net::SocketAddr;

use anyhow::Context;
use facegen_jobs::PageTokens;

use crate::failure::Failure;
use crate::output;

/// Prints the link, whose token gives one page its key. It is in the fragment,
/// which browsers send to no server, and it is not logged, as logs are kept and
/// shipped.
pub(super) fn print(tokens: &PageTokens, address: SocketAddr) -> Result<(), Failure> {
    let token = tokens.issue().context("cannot make the link")?;
    let minutes = PageTokens::VALID_FOR.as_secs() / 60;
    Ok(output::print_once(&format!(
        "\nopen http://{address}/#token={}\n\n\
         The link works once, within {minutes} minutes. Ctrl-C stops the server.\n",
        token.expose()
    ))?)
}
