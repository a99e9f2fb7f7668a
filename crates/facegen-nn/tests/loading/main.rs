//! The memory cost of loading a checkpoint.

#[cfg(test)]
#[cfg(target_os = "linux")]
mod memory;
