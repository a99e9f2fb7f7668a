//! The program as its users meet it: built, started, and judged by what it
//! prints, writes and returns.
//!
//! - [`generate`]: `facegen generate` with the demo preset

mod generate;
mod program;
