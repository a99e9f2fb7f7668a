//! Import cycles between the files of a crate.
//!
//! A file imports another when it names something that is defined there. A `pub use` is no import,
//! but is followed to the file that it re-exports from. Tests are skipped: they can use everything.

mod imports;
mod modules;

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use modules::{Imports, Modules};

/// Checks one crate; `files` are those below its `src`, with their content.
pub(super) fn check(files: &[(String, String)]) -> Vec<Finding> {
    let imports = Modules::new(files).imports();
    let cycles = cycles(&imports);
    cycles
        .iter()
        .map(|cycle| finding(cycle, &imports))
        .collect()
}

fn finding(cycle: &BTreeSet<&str>, imports: &Imports) -> Finding {
    let mut ties = Vec::new();
    for (from, targets) in imports {
        for (to, names) in targets {
            if cycle.contains(from.as_str()) && cycle.contains(to.as_str()) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                ties.push(format!("{from} takes {} from {to}", names.join(", ")));
            }
        }
    }
    let first = cycle.first().copied().unwrap_or_default();
    let reason = format!("these files import each other: {}", ties.join("; "));
    Finding::error(first, 1, reason)
}

/// Returns the groups of files that reach each other.
fn cycles(imports: &Imports) -> Vec<BTreeSet<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = imports
        .keys()
        .map(|file| (file.as_str(), reachable(file, imports)))
        .collect();
    let mut cycles: Vec<BTreeSet<&str>> = Vec::new();
    for (file, from_it) in &reached {
        if cycles.iter().any(|cycle| cycle.contains(file)) || !from_it.contains(file) {
            continue;
        }
        let back = |other: &&&str| reached.get(**other).is_some_and(|it| it.contains(file));
        cycles.push(from_it.iter().filter(back).copied().collect());
    }
    cycles
}

/// Returns the files that a file imports, directly or through others.
fn reachable<'a>(file: &str, imports: &'a Imports) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![file];
    while let Some(next) = waiting.pop() {
        for target in imports.get(next).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(target.as_str()) {
                waiting.push(target);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let owned = |(path, content): &(&str, &str)| {
            (format!("crates/x/src/{path}"), (*content).to_owned())
        };
        let files: Vec<_> = files.iter().map(owned).collect();
        check(&files).into_iter().map(|it| it.reason).collect()
    }

    #[test]
    fn a_planted_cycle_is_found_with_its_imports() {
        let files = [
            ("lib.rs", "mod one; mod two;"),
            ("one.rs", "use crate::two::Two; pub struct One;"),
            ("two.rs", "pub struct Two(crate::one::One);"),
        ];
        assert_eq!(
            found(&files),
            ["these files import each other: \
                 crates/x/src/one.rs takes Two from crates/x/src/two.rs; \
                 crates/x/src/two.rs takes One from crates/x/src/one.rs"]
        );
    }

    #[test]
    fn a_cycle_through_re_exports_is_found() {
        let files = [
            (
                "lib.rs",
                "mod a; mod b; pub use a::{deep::Thing as Other, *};",
            ),
            ("a/mod.rs", "pub mod deep; pub use deep::Thing;"),
            (
                "a/deep.rs",
                "use super::super::b::Used; pub struct Thing(Used);",
            ),
            ("b.rs", "use crate::Other; pub struct Used;"),
        ];
        assert_eq!(found(&files).len(), 1);
    }

    #[test]
    fn a_module_and_its_child_are_a_cycle_where_both_define_what_the_other_uses() {
        let child = "use super::Parent; pub struct Child;";
        let parent = "mod child; use child::Child; pub struct Parent;";
        assert_eq!(
            found(&[
                ("lib.rs", "mod parent;"),
                ("parent/mod.rs", parent),
                ("parent/child.rs", child)
            ])
            .len(),
            1
        );
        let hands_on = "mod child; pub use child::Child; pub struct Parent;";
        assert!(
            found(&[
                ("lib.rs", "mod parent;"),
                ("parent/mod.rs", hands_on),
                ("parent/child.rs", child)
            ])
            .is_empty()
        );
    }

    #[test]
    fn tests_comments_and_texts_may_name_everything() {
        let files = [
            ("lib.rs", "mod one; mod two;"),
            ("one.rs", "use crate::two::Two; pub struct One;"),
            (
                "two.rs",
                "//! [`crate::one::One`]\npub struct Two;\n#[cfg(test)]\nmod tests { use crate::one::One; }",
            ),
            ("two/tests.rs", "use crate::one::One;"),
        ];
        assert!(found(&files).is_empty());
    }
}
