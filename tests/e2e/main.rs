//! The program as its users meet it: built, started, and judged by what it
//! prints, writes and returns.
//!
//! - [`generate`]: `facegen generate` with the demo preset
//! - [`server`]: `facegen serve` with the demo preset
//! - [`models`]: `facegen models` against a stand-in for the hub
//! - [`compose`]: the compose file

#[cfg(test)]
mod compose;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod models;
#[cfg(test)]
mod program;
#[cfg(test)]
mod server;
