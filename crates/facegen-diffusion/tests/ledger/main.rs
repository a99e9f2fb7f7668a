//! What a step costs on a GPU: the ledger of the published sizes, declared by
//! the layers without a device. A change that adds launches or traffic fails
//! here.

#[cfg(test)]
mod budget;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod zeros;
