//! The program as its users run it: built, started, and tested by what it
//! prints, writes and returns.
//!
//! - [`generate`]: `facegen generate` with a preset of random weights
//! - [`batch`]: the same with several photos and prompts
//! - [`server`]: `facegen serve` with a preset of random weights
//! - [`doctor`]: `facegen doctor`, on a working machine and on others
//! - [`plus_face`]: a preset without a recogniser
//! - [`models`]: `facegen models` against a stand-in for the hub
//! - [`compose`]: the compose file
//! - [`db`]: `facegen db copy`, from a data directory to a database and a bucket
//! - [`deploy`]: the files for Kubernetes and systemd
//! - [`documents`]: the commands in the documents
//! - [`output`]: what commands print, also when it cannot be written
//! - [`python`]: programs in Python, with the packages they need
//! - [`demo`]: the demo preset as it ships
//! - [`training`]: the code that trained the demo preset's networks

#[cfg(test)]
mod batch;
#[cfg(test)]
mod compose;
#[cfg(test)]
mod db;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod deploy;
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
