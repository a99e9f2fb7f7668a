//! `unsafe` is limited to a few files, whose tests compare it with a plain version.

use proc_macro2::TokenTree;

use super::{Fault, fault, is_ident};

/// Kernels for CPUs and GPUs, the mapping of weight files, and a faulty disk for tests.
const ALLOWED: &[&str] = &[
    "crates/facegen-store/src/sqlite/faults/vfs.rs",
    "crates/facegen-nn/src/cuda/",
    "crates/facegen-nn/src/kernels/",
    "crates/facegen-nn/src/packs/mapped.rs",
    "crates/facegen-nn/src/weights/mapped.rs",
];

/// Reports the keyword.
pub(super) fn check(file: &str, level: &[TokenTree]) -> Vec<Fault> {
    if ALLOWED.iter().any(|allowed| file.starts_with(allowed)) {
        return Vec::new();
    }
    let places = level.iter().filter(|token| is_ident(token, &["unsafe"]));
    places
        .map(|token| {
            fault(
                token,
                "unsafe belongs to the kernels, the mapped weights and the faulty disk of a test",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;

    const SOURCE: &str = "fn f() {\n    unsafe { g() }\n}\nunsafe fn g() {}\n";

    #[test]
    fn unsafe_elsewhere_is_reported() {
        assert_eq!(lines("crates/facegen-nn/src/clip/text.rs", SOURCE), [4, 2]);
        assert!(lines("a.rs", "#![deny(unsafe_code)] // unsafe\n").is_empty());
    }

    #[test]
    fn kernels_may_use_it() {
        assert!(lines("crates/facegen-nn/src/kernels/gemm.rs", SOURCE).is_empty());
    }
}
