//! Ignored tests must have a reason.

use proc_macro2::{Delimiter, TokenTree};

use super::{Fault, as_group, attributes, fault, is_ident, is_punct};

/// Reports `#[ignore]`, also in a `cfg_attr`, without `= "reason"`.
pub(super) fn check(_file: &str, level: &[TokenTree]) -> Vec<Fault> {
    let bare = attributes(level).filter(|(_, attribute)| ignores_without_reason(attribute));
    bare.map(|(token, _)| fault(token, "an ignored test says why: #[ignore = \"…\"]"))
        .collect()
}

fn ignores_without_reason(attribute: &[TokenTree]) -> bool {
    match attribute {
        [name, arguments] if is_ident(name, &["cfg_attr"]) => {
            let arguments = as_group(arguments, Delimiter::Parenthesis);
            let arguments = arguments.map(|group| group.stream().into_iter().collect::<Vec<_>>());
            arguments.is_some_and(|arguments| is_bare(&arguments))
        }
        [name, ..] if is_ident(name, &["ignore"]) => is_bare(attribute),
        _ => false,
    }
}

/// Returns whether the word `ignore` occurs without an `=` after it.
fn is_bare(tokens: &[TokenTree]) -> bool {
    let place = tokens.iter().position(|token| is_ident(token, &["ignore"]));
    place.is_some_and(|place| {
        !tokens
            .get(place + 1)
            .is_some_and(|next| is_punct(next, '='))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;

    #[test]
    fn an_ignored_test_without_a_reason_is_reported() {
        assert_eq!(lines("a.rs", "#[test]\n#[ignore]\nfn f() {}"), [2]);
        assert_eq!(lines("a.rs", "#[cfg_attr(miri, ignore)]\nfn f() {}"), [1]);
    }

    #[test]
    fn a_reason_is_enough() {
        assert!(lines("a.rs", "#[ignore = \"needs weights\"]\nfn f() {}").is_empty());
        assert!(lines("a.rs", "#[cfg_attr(miri, ignore = \"slow\")]\nfn f() {}").is_empty());
        assert!(lines("a.rs", "fn ignore() { ignore(); }").is_empty());
    }
}
