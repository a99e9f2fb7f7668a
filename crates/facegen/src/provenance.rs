//! The provenance that images carry.

use facegen_core::Provenance;

/// Returns the name and the version of this program, without parameters.
pub(crate) fn provenance() -> Provenance {
    Provenance {
        generator: concat!("facegen ", env!("CARGO_PKG_VERSION")).to_owned(),
        parameters: None,
    }
}
