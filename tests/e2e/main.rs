//! The program as its users meet it: built, started, and judged by what it
//! prints, writes and returns.
//!
//! - [`generate`]: `facegen generate` with a preset of random weights
//! - [`server`]: `facegen serve` with a preset of random weights
//! - [`doctor`]: `facegen doctor`, on a sound machine and on another
//! - [`plus_face`]: a preset without a recogniser
//! - [`models`]: `facegen models` against a stand-in for the hub
//! - [`compose`]: the compose file
//! - [`documents`]: the commands in the documents
//! - [`output`]: what commands print, also where it cannot be written
//! - [`python`]: programs in Python, with the packages they need
//! - [`demo`]: the demo preset as it ships
//! - [`training`]: the code that trained it

#[cfg(test)]
mod compose;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod models;
#[cfg(test)]
mod output;
#[cfg(test)]
mod plus_face;
#[cfg(test)]
mod program;
#[cfg(test)]
mod python;
#[cfg(test)]
mod server;
#[cfg(test)]
mod training;
