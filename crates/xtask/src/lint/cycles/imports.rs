//! The paths that a file names.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::lint::rust::{as_group, is_ident, is_path_separator, is_punct};

/// A path that a file names, e.g. `crate::job::Job`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) segments: Vec<String>,
    /// Its name in the file, for a `use`; `*` for all names.
    pub(super) name: Option<String>,
    /// Whether it is a re-export, `pub use`.
    pub(super) is_public: bool,
}

/// Returns the paths of a file that can lead to its own crate: those of `use`, and those that begin
/// with `crate`, `self` or `super`. Skips what is compiled for tests only.
pub(super) fn paths(content: &str) -> Vec<Path> {
    let mut paths = Vec::new();
    if let Ok(tokens) = content.parse::<TokenStream>() {
        read_level(tokens, &mut paths);
    }
    paths
}

fn read_level(tokens: TokenStream, paths: &mut Vec<Path>) {
    let level: Vec<TokenTree> = tokens.into_iter().collect();
    let mut index = 0;
    while index < level.len() {
        let rest = &level[index..];
        if is_for_tests(rest) {
            index += end_of_item(rest);
        } else if is_ident(&rest[0], &["use"]) {
            let end = rest.iter().position(|token| is_punct(token, ';'));
            let end = end.unwrap_or(rest.len());
            let is_public = is_public(&level[..index]);
            read_use(&rest[1..end], &mut Vec::new(), is_public, paths);
            index += end;
        } else if is_ident(&rest[0], &["crate", "self", "super"]) && is_path_separator(&rest[1..]) {
            let segments = plain_path(rest);
            index += segments.len() * 3 - 2;
            paths.push(Path {
                segments,
                name: None,
                is_public: false,
            });
        } else {
            if let TokenTree::Group(group) = &rest[0] {
                read_level(group.stream(), paths);
            }
            index += 1;
        }
    }
}

/// Returns whether the tokens begin with `#[cfg(test)]` or a stricter condition.
fn is_for_tests(tokens: &[TokenTree]) -> bool {
    let [hash, attribute, ..] = tokens else {
        return false;
    };
    let Some(group) = as_group(attribute, Delimiter::Bracket).filter(|_| is_punct(hash, '#'))
    else {
        return false;
    };
    let text = group.stream().to_string().replace(' ', "");
    text.starts_with("cfg(test") || text.starts_with("cfg(all(test") || text == "test"
}

/// Returns the number of tokens in the first item, which ends with `;` or braces.
fn end_of_item(tokens: &[TokenTree]) -> usize {
    let ends =
        |token: &TokenTree| is_punct(token, ';') || as_group(token, Delimiter::Brace).is_some();
    tokens
        .iter()
        .position(ends)
        .map_or(tokens.len(), |end| end + 1)
}

/// Returns whether the tokens end with `pub` or `pub(…)`.
fn is_public(before: &[TokenTree]) -> bool {
    match before {
        [.., token] if is_ident(token, &["pub"]) => true,
        [.., token, group] => {
            is_ident(token, &["pub"]) && as_group(group, Delimiter::Parenthesis).is_some()
        }
        _ => false,
    }
}

/// Returns the segments of `a::b::c` at the beginning of the tokens.
fn plain_path(tokens: &[TokenTree]) -> Vec<String> {
    let mut segments = Vec::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(ident), after @ ..] = rest {
        segments.push(ident.to_string());
        match after {
            [_, _, next @ ..] if is_path_separator(after) => rest = next,
            _ => break,
        }
    }
    segments
}

/// Reads one tree of a `use`, below `prefix`.
fn read_use(
    tokens: &[TokenTree],
    prefix: &mut Vec<String>,
    is_public: bool,
    paths: &mut Vec<Path>,
) {
    let depth = prefix.len();
    let mut rest = tokens;
    while let [TokenTree::Ident(ident), after @ ..] = rest {
        prefix.push(ident.to_string());
        match after {
            [_, _, next @ ..] if is_path_separator(after) => rest = next,
            _ => {
                rest = after;
                break;
            }
        }
    }
    if let [TokenTree::Group(group), ..] = rest {
        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
        for tree in inner.split(|token| is_punct(token, ',')) {
            read_use(tree, prefix, is_public, paths);
        }
    } else if prefix.len() > depth || matches!(rest, [star, ..] if is_punct(star, '*')) {
        paths.push(use_path(prefix, rest, is_public));
    }
    prefix.truncate(depth);
}

/// Returns a leaf of a `use`, named by its `as` or its last segment.
fn use_path(segments: &[String], rest: &[TokenTree], is_public: bool) -> Path {
    let mut segments = segments.to_vec();
    let name = match rest {
        [star, ..] if is_punct(star, '*') => Some("*".to_owned()),
        [keyword, TokenTree::Ident(alias), ..] if is_ident(keyword, &["as"]) => {
            Some(alias.to_string())
        }
        _ => segments.last().cloned(),
    };
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    let name = name.map(|name| match segments.last() {
        Some(last) if name == "self" => last.clone(),
        _ => name,
    });
    Path {
        segments,
        name,
        is_public,
    }
}
