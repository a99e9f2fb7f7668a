//! SQL is in one crate only.
//!
//! Only the store crate accesses the database, so that another database needs a module there and
//! nothing else.

use proc_macro2::TokenTree;

use super::{Fault, fault};

/// The crate that contains SQL.
const HOLDER: &str = "crates/facegen-store/";

/// The first words of statements.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE ",
    "CREATE INDEX ",
    "CREATE TABLE ",
    "CREATE TRIGGER ",
    "DELETE FROM ",
    "DROP TABLE ",
    "DROP TRIGGER ",
    "INSERT INTO ",
    "INSERT OR ",
    "PRAGMA ",
    "SELECT ",
    "WITH RECURSIVE ",
];

pub(super) fn check(file: &str, level: &[TokenTree]) -> Vec<Fault> {
    if file.starts_with(HOLDER) {
        return Vec::new();
    }
    let texts = level.iter().filter(|token| is_statement(token));
    texts
        .map(|token| fault(token, format!("SQL belongs into {HOLDER}")))
        .collect()
}

fn is_statement(token: &TokenTree) -> bool {
    let TokenTree::Literal(literal) = token else {
        return false;
    };
    let literal = literal.to_string();
    let Some((_, text)) = literal.split_once('"') else {
        return false;
    };
    let text = text.replace("\\n", " ");
    let text = text.trim_start_matches(['\\', '\n', ' ']);
    let is_update = text.starts_with("UPDATE ") && text.contains(" SET ");
    is_update
        || STATEMENTS
            .iter()
            .any(|beginning| continues_with(text, beginning))
}

/// Returns whether the statement continues after its first words.
fn continues_with(text: &str, beginning: &str) -> bool {
    let rest = text.strip_prefix(beginning);
    rest.is_some_and(|rest| !rest.trim_matches('"').is_empty())
}

#[cfg(test)]
mod tests {
    use crate::lint::rust::check;

    fn lines(file: &str, content: &str) -> Vec<usize> {
        check(file, content)
            .iter()
            .map(|fault| fault.line)
            .collect()
    }

    #[test]
    fn planted_statements_are_found_outside_of_the_store() {
        let content = "const A: &str = \"SELECT 1\";\n\
                       fn f() { g(\"\n  UPDATE jobs SET a = 1\"); }\n\
                       fn h() { g(r\"DELETE FROM jobs\"); }\n";
        assert_eq!(
            lines("crates/facegen-jobs/src/tests.rs", content),
            [1, 2, 4]
        );
        assert!(lines("crates/facegen-store/src/sqlite/jobs.rs", content).is_empty());
    }

    #[test]
    fn words_that_begin_like_statements_are_not() {
        let content = "const A: &str = \"SELECTED\"; const B: &str = \"select a style\"; \
                       const C: &str = \"UPDATE the image\"; // SELECT 1\n";
        assert!(lines("crates/facegen/src/cli.rs", content).is_empty());
    }
}
