//! Errors and logs begin in lower case and end without a full stop, so that they can be chained.

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};

use super::{Fault, as_group, attributes, fault, is_ident, is_punct};

/// Macros with a message for people: those of `tracing` and of `anyhow`.
const MACROS: &[&str] = &[
    "trace", "debug", "info", "warn", "error", "anyhow", "bail", "ensure",
];
/// Methods of `anyhow` that take a message.
const METHODS: &[&str] = &["context", "with_context"];
/// Capitalised names whose other letters are in lower case.
const PROPER_NAMES: &[&str] = &[
    "Accelerate",
    "Chromium",
    "Hugging",
    "Metal",
    "Rust",
    "Stable",
];

/// Reports badly worded messages in attributes, macros and calls.
pub(super) fn check(_file: &str, level: &[TokenTree]) -> Vec<Fault> {
    let messages = attribute_messages(level)
        .chain(macro_messages(level))
        .chain(method_messages(level));
    messages
        .filter_map(|message| Some(fault(&message, wording(&message)?)))
        .collect()
}

/// Returns the messages of `#[error("…")]`.
fn attribute_messages(level: &[TokenTree]) -> impl Iterator<Item = TokenTree> {
    attributes(level).filter_map(|(_, attribute)| match attribute.as_slice() {
        [name, arguments] if is_ident(name, &["error"]) => {
            own_literal(as_group(arguments, Delimiter::Parenthesis)?.stream())
        }
        _ => None,
    })
}

/// Returns the messages of `info!(field = "value", "…")`.
fn macro_messages(level: &[TokenTree]) -> impl Iterator<Item = TokenTree> {
    level.windows(3).filter_map(|tokens| match tokens {
        [name, bang, TokenTree::Group(group)] if is_ident(name, MACROS) && is_punct(bang, '!') => {
            own_literal(group.stream())
        }
        _ => None,
    })
}

/// Returns the messages of `.context("…")` and `.with_context(|| format!("…"))`.
fn method_messages(level: &[TokenTree]) -> impl Iterator<Item = TokenTree> {
    level.windows(3).filter_map(|tokens| {
        let group = as_group(&tokens[2], Delimiter::Parenthesis)?;
        let is_call = is_punct(&tokens[0], '.') && is_ident(&tokens[1], METHODS);
        is_call.then(|| any_literal(group.stream()))?
    })
}

/// Returns the first literal that is a whole argument, not the name or the value of a field.
fn own_literal(arguments: TokenStream) -> Option<TokenTree> {
    let arguments: Vec<TokenTree> = arguments.into_iter().collect();
    let ends_at = |token: Option<&TokenTree>| token.is_none_or(|token| is_punct(token, ','));
    let is_own = |&index: &usize| {
        let before = index.checked_sub(1).map(|before| &arguments[before]);
        text(&arguments[index]).is_some() && ends_at(before) && ends_at(arguments.get(index + 1))
    };
    let index = (0..arguments.len()).find(is_own)?;
    arguments.get(index).cloned()
}

/// Returns the first literal at any depth.
fn any_literal(tokens: TokenStream) -> Option<TokenTree> {
    tokens.into_iter().find_map(|token| {
        if let TokenTree::Group(group) = &token {
            return any_literal(group.stream());
        }
        text(&token).is_some().then_some(token)
    })
}

/// Returns the text of a string literal as it is in the source.
fn text(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else {
        return None;
    };
    let written = Literal::to_string(literal);
    let inner = written.trim_start_matches('r').trim_matches('#');
    Some(inner.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// Returns what is wrong with the wording of a message.
fn wording(message: &TokenTree) -> Option<&'static str> {
    let text = text(message)?;
    if text.ends_with(['.', '!']) {
        Some("a message ends without punctuation")
    } else if begins_with_plain_capital(&text) {
        Some("a message begins in lower case")
    } else {
        None
    }
}

/// Returns whether the first word is capitalised, and neither a proper name nor one like `URL`,
/// `S3` or `UNet`.
fn begins_with_plain_capital(text: &str) -> bool {
    let word = text
        .split(|character: char| !character.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let mut characters = word.chars();
    characters.next().is_some_and(char::is_uppercase)
        && !characters.any(|character| character.is_uppercase() || character.is_numeric())
        && !PROPER_NAMES.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;

    #[test]
    fn badly_worded_errors_are_reported() {
        assert_eq!(lines("a.rs", "enum E {\n#[error(\"Not found\")]\nA }"), [2]);
        assert_eq!(
            lines("a.rs", "enum E {\n#[error(\"{0} is missing.\")]\nA(u8) }"),
            [2]
        );
        assert_eq!(lines("a.rs", "fn f() { bail!(r\"Wrong {x}\") }"), [1]);
        assert_eq!(lines("a.rs", "fn f() { ensure!(a == b, \"Wrong\") }"), [1]);
        assert_eq!(
            lines("a.rs", "fn f() { g().context(\"Cannot read\")?; }"),
            [1]
        );
        assert_eq!(
            lines(
                "a.rs",
                "fn f() { g().with_context(|| format!(\"No {x}.\"))?; }"
            ),
            [1]
        );
    }

    #[test]
    fn badly_worded_logs_are_reported() {
        assert_eq!(
            lines("a.rs", "fn f() {\n tracing::info!(\"Listening\"); }"),
            [2]
        );
        assert_eq!(
            lines(
                "a.rs",
                "fn f() { warn!(id = %id, kind = \"A.\", \"it failed!\"); }"
            ),
            [1]
        );
        assert_eq!(
            lines(
                "a.rs",
                "fn f() { debug!(target: \"a\", { a = 1 }, \"Done\"); }"
            ),
            [1]
        );
    }

    #[test]
    fn well_worded_messages_are_fine() {
        for message in [
            "not found",
            "{0}: no such file",
            "URL is refused",
            "S3 answered",
            "UNet fails",
            "",
        ] {
            assert!(lines("a.rs", &format!("enum E {{ #[error(\"{message}\")] A }}")).is_empty());
            assert!(
                lines(
                    "a.rs",
                    &format!("fn f() {{ tracing::error!(\"{message}\") }}")
                )
                .is_empty()
            );
        }
    }

    #[test]
    fn texts_that_are_no_messages_are_fine() {
        assert!(lines("a.rs", "#[error(transparent)]\nstruct E(Other);").is_empty());
        assert!(
            lines(
                "a.rs",
                "fn f() { info!(target: \"Target\", kind = \"Kind.\", \"fine\") }"
            )
            .is_empty()
        );
        assert!(
            lines(
                "a.rs",
                "fn f() { println!(\"Usage.\"); error(\"Hello.\"); }"
            )
            .is_empty()
        );
    }
}
