//! URLs of this server's own files.

use crate::redact::SafeUrl;

/// Returns the name of the file that `url` refers to below `base_url`, the
/// prefix of this server's links; it may not exist. `None` for any other URL,
/// including other paths of the same server. A query and a fragment are
/// ignored.
#[must_use]
pub fn local_file_name<'u>(url: &'u SafeUrl, base_url: &str) -> Option<&'u str> {
    let base = base_url.trim_end_matches('/');
    let (start, path) = url.expose().split_at_checked(base.len())?;
    let path = path.strip_prefix("/temp/")?;
    let name = path.split(['?', '#']).next().unwrap_or_default();
    let is_one = !name.contains(['/', '\\']) && !matches!(name, "" | "." | "..");
    (start.eq_ignore_ascii_case(base) && is_one).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_below_the_directory_of_links_are_local_files() {
        let base = "http://faces.test:8080";
        for (url, name) in [
            ("http://faces.test:8080/temp/a-0.png", Some("a-0.png")),
            ("HTTP://Faces.Test:8080/temp/a-0.png", Some("a-0.png")),
            (
                "http://faces.test:8080/temp/a-0.png?x=/y#z",
                Some("a-0.png"),
            ),
            ("http://faces.test:8080/temp/%2e%2e", Some("%2e%2e")),
            ("http://faces.test:8080/temp/", None),
            ("http://faces.test:8080/temp", None),
            ("http://faces.test:8080/temp/..", None),
            ("http://faces.test:8080/temp/../a-0.png", None),
            ("http://faces.test:8080/temp/..\\a-0.png", None),
            ("http://faces.test:8080/api/temp/a-0.png", None),
            ("http://faces.test:8080//temp/a-0.png", None),
            ("http://faces.test:80/temp/a-0.png", None),
            ("http://faces.test:8080.example/temp/a-0.png", None),
            ("http://me@faces.test:8080/temp/a-0.png", None),
            ("http://f", None),
        ] {
            assert_eq!(local_file_name(&url.into(), base), name, "{url}");
            let slash = format!("{base}/");
            assert_eq!(local_file_name(&url.into(), &slash), name, "{url}");
        }
    }
}
