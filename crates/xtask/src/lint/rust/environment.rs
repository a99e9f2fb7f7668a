//! Only programs read the environment: libraries take arguments.

use proc_macro2::{Delimiter, TokenTree};

use super::{Fault, as_group, fault, is_ident, is_path_separator};

/// The programs, the tests that start them, and a build script.
const READERS: &[&str] = &[
    "crates/facegen/",
    "crates/facegen-nn/build.rs",
    "crates/xtask/",
    "tests/",
    "benches/",
];

/// Reports `std::env`, and `env` in a `use std::{…}`.
pub(super) fn check(file: &str, level: &[TokenTree]) -> Vec<Fault> {
    if READERS.iter().any(|reader| file.starts_with(reader)) {
        return Vec::new();
    }
    let places = level.windows(4).filter(|tokens| {
        is_ident(&tokens[0], &["std"]) && is_path_separator(&tokens[1..3]) && names_env(&tokens[3])
    });
    places
        .map(|tokens| fault(&tokens[0], "only programs read std::env"))
        .collect()
}

fn names_env(token: &TokenTree) -> bool {
    let list = as_group(token, Delimiter::Brace).map(|group| group.stream().into_iter());
    is_ident(token, &["env"])
        || list.is_some_and(|mut list| list.any(|token| is_ident(&token, &["env"])))
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;

    #[test]
    fn a_library_that_reads_the_environment_is_reported() {
        let library = "crates/facegen-nn/src/lib.rs";
        assert_eq!(lines(library, "\nfn f() { std::env::var(\"A\"); }"), [2]);
        assert_eq!(lines(library, "use std::env;"), [1]);
        assert_eq!(lines(library, "use std::{env, fs};"), [1]);
        assert_eq!(lines(library, "use std::env::{self, VarError};"), [1]);
    }

    #[test]
    fn words_that_only_look_like_it_are_fine() {
        let library = "crates/facegen-nn/src/lib.rs";
        assert!(lines(library, "// std::env\nconst A: &str = \"std::env\";").is_empty());
        assert!(lines(library, "use std::{fs, io};\nconst B: &str = env!(\"B\");").is_empty());
    }

    #[test]
    fn programs_may_read_it() {
        for file in [
            "crates/facegen/src/main.rs",
            "crates/xtask/src/main.rs",
            "tests/e2e/main.rs",
        ] {
            assert!(lines(file, "use std::env;").is_empty());
        }
    }
}
