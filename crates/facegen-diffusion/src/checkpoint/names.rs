//! Helpers for translating names.

/// Replaces the beginning of a name according to the first pair that matches;
/// only whole segments count.
pub(super) fn replace_start(name: &str, pairs: &[(&str, &str)]) -> Option<String> {
    pairs.iter().find_map(|(old, new)| {
        let rest = name.strip_prefix(old)?;
        rest.starts_with('.').then(|| format!("{new}{rest}"))
    })
}

/// Splits off the number that a name begins with: `3.block` is 3 and `block`.
pub(super) fn split_number(name: &str) -> Option<(usize, &str)> {
    let (number, rest) = name.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_segments_are_replaced() {
        let pairs = [("norm_out", "conv_norm_out"), ("norm", "group_norm")];
        let replaced = |name| replace_start(name, &pairs);
        assert_eq!(replaced("norm_out.bias").unwrap(), "conv_norm_out.bias");
        assert_eq!(replaced("norm.bias").unwrap(), "group_norm.bias");
        assert_eq!(replaced("normal.bias"), None);
    }

    #[test]
    fn numbers_are_split_off() {
        assert_eq!(split_number("12.0.op.bias"), Some((12, "0.op.bias")));
        assert_eq!(split_number("attn_1.q"), None);
    }
}
