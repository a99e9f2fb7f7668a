//! The program as its users meet it: built, started, and judged by what it
//! prints, writes and returns.
//!
//! - [`generate`]: `facegen generate` with the demo preset

#[cfg(test)]
mod generate;
#[cfg(test)]
mod program;
