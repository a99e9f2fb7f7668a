//! What loading a checkpoint costs.

#[cfg(test)]
#[cfg(target_os = "linux")]
mod memory;
