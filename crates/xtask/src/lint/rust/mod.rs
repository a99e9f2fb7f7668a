//! Rules for Rust sources, read as tokens, so that comments and literals are not taken for code.

mod environment;
mod ignored;
mod messages;
mod sql;
mod unsafety;

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

use super::Finding;

/// A rule gets the tokens of one pair of brackets at a time, and returns the faulty ones.
type Rule = fn(file: &str, level: &[TokenTree]) -> Vec<Fault>;

const RULES: &[Rule] = &[
    environment::check,
    ignored::check,
    messages::check,
    sql::check,
    unsafety::check,
];

/// A token that breaks a rule.
#[derive(Debug)]
struct Fault {
    token: TokenTree,
    reason: String,
}

/// Checks one file, if it is Rust.
pub(super) fn check(file: &str, content: &str) -> Vec<Finding> {
    if !file.ends_with(".rs") {
        return Vec::new();
    }
    let Ok(tokens) = content.parse::<TokenStream>() else {
        return vec![Finding::error(file, 1, "this is not Rust")];
    };
    let mut findings = Vec::new();
    check_level(file, tokens, &mut findings);
    findings
}

fn check_level(file: &str, tokens: TokenStream, findings: &mut Vec<Finding>) {
    let level: Vec<TokenTree> = tokens.into_iter().collect();
    for fault in RULES.iter().flat_map(|rule| rule(file, &level)) {
        let line = fault.token.span().start().line;
        findings.push(Finding::error(file, line, fault.reason));
    }
    for token in level {
        if let TokenTree::Group(group) = token {
            check_level(file, group.stream(), findings);
        }
    }
}

fn fault(token: &TokenTree, reason: impl Into<String>) -> Fault {
    Fault {
        token: token.clone(),
        reason: reason.into(),
    }
}

pub(super) fn is_ident(token: &TokenTree, names: &[&str]) -> bool {
    matches!(token, TokenTree::Ident(ident) if names.iter().any(|name| ident == name))
}

pub(super) fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// Returns whether the tokens begin with `::`.
pub(super) fn is_path_separator(tokens: &[TokenTree]) -> bool {
    match tokens {
        [TokenTree::Punct(first), second, ..] => {
            first.as_char() == ':' && first.spacing() == Spacing::Joint && is_punct(second, ':')
        }
        _ => false,
    }
}

/// Returns the group that `token` is, if it has this delimiter.
pub(super) fn as_group(token: &TokenTree, delimiter: Delimiter) -> Option<&Group> {
    if let TokenTree::Group(group) = token
        && group.delimiter() == delimiter
    {
        return Some(group);
    }
    None
}

/// Returns the attributes of one level: the token of the brackets, and its content.
fn attributes(level: &[TokenTree]) -> impl Iterator<Item = (&TokenTree, Vec<TokenTree>)> {
    level.windows(2).filter_map(|pair| {
        let group = as_group(&pair[1], Delimiter::Bracket)?;
        is_punct(&pair[0], '#').then(|| (&pair[1], group.stream().into_iter().collect()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lines that any rule reports.
    pub(super) fn lines(file: &str, content: &str) -> Vec<usize> {
        check(file, content)
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn only_rust_is_read() {
        assert_eq!(lines("a.rs", "fn open( {\n"), [1]);
        assert!(lines("a.py", "unsafe (\n").is_empty());
    }
}
