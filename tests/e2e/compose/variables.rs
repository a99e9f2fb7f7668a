//! The variables of a compose file, replaced as Docker Compose replaces them.

use anyhow::{Context, Result, bail};
use serde_yaml::Value;

/// Replaces the variables in all texts below `value`; those in `set` are set.
pub(super) fn replace(value: &mut Value, set: &[(&str, &str)]) -> Result<()> {
    if let Value::String(text) = value {
        *text = replaced(text, set)?;
    } else if let Some(values) = value.as_sequence_mut() {
        for value in values {
            replace(value, set)?;
        }
    } else if let Some(values) = value.as_mapping_mut() {
        for (_, value) in values {
            replace(value, set)?;
        }
    }
    Ok(())
}

/// Returns the names of the variables in the text of a file.
pub(super) fn names(text: &str) -> Vec<&str> {
    let expressions = text.split("${").skip(1);
    expressions
        .filter_map(|rest| Some(rest.split_once(':')?.0))
        .collect()
}

fn replaced(text: &str, set: &[(&str, &str)]) -> Result<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            after
        } else {
            let expression = after.strip_prefix('{').and_then(|it| it.split_once('}'));
            let (expression, after) = expression.with_context(|| format!("${after}"))?;
            result.push_str(value(expression, set)?);
            after
        };
    }
    result.push_str(rest);
    Ok(result)
}

/// Returns the value of `NAME:-default` or `NAME:+value`.
fn value<'text>(expression: &'text str, set: &[(&str, &'text str)]) -> Result<&'text str> {
    let (name, rest) = expression.split_once(':').context("no default")?;
    let known = set.iter().find(|(known, _)| *known == name);
    let known = known.map(|(_, value)| *value);
    match (rest.split_at_checked(1), known) {
        (Some(("-", default)), known) => Ok(known.unwrap_or(default)),
        (Some(("+", value)), Some(_)) => Ok(value),
        (Some(("+", _)), None) => Ok(""),
        _ => bail!("{expression} is not understood here"),
    }
}

#[test]
fn variables_are_replaced() -> Result<()> {
    let set = [("A", "1"), ("LONG_NAME", "text")];
    for (text, expected) in [
        ("plain", "plain"),
        ("${A:-2} ${B:-2} ${B:-}", "1 2 "),
        ("${A:+on}${B:+off}${LONG_NAME:+, on}", "on, on"),
        ("${B:-[\"cuda:0\"]}", "[\"cuda:0\"]"),
        ("id=$$(cat \"$$file\")", "id=$(cat \"$file\")"),
    ] {
        assert_eq!(replaced(text, &set)?, expected);
    }
    for fault in ["$A", "${A}", "${A:-2", "${A:?}"] {
        assert!(replaced(fault, &set).is_err(), "{fault}");
    }
    assert_eq!(names("${A:-2} $$B ${C:+x:y}"), ["A", "C"]);
    Ok(())
}
