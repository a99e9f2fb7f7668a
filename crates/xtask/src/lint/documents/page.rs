//! A Markdown page, parsed into headings, links and blocks.

use std::collections::{BTreeMap, BTreeSet};

/// One page with its links and blocks.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Its path, relative to the root of the repository.
    pub(super) file: String,
    /// Its lines.
    pub(super) lines: Vec<String>,
    /// The anchors of its headings.
    pub(super) anchors: BTreeSet<String>,
    /// The targets of its links and images, with their lines.
    pub(super) links: Vec<(usize, String)>,
    /// Its code spans, with their lines.
    pub(super) spans: Vec<(usize, String)>,
    /// Its fenced blocks.
    pub(super) blocks: Vec<Block>,
}

/// One fenced block.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The line of its fence.
    pub(super) line: usize,
    /// What follows the fence, such as `sh run`.
    pub(super) info: String,
    /// The lines in it.
    pub(super) content: String,
}

impl Page {
    /// Parses a page.
    pub(super) fn parse(file: &str, content: &str) -> Self {
        let mut page = Self {
            file: file.to_owned(),
            lines: content.lines().map(str::to_owned).collect(),
            ..Self::default()
        };
        let mut headings = BTreeMap::new();
        let mut open: Option<Block> = None;
        for (index, line) in content.lines().enumerate() {
            open = match (open, line.trim_start().strip_prefix("```")) {
                (None, Some(info)) => Some(Block {
                    line: index + 1,
                    info: info.trim().to_owned(),
                    content: String::new(),
                }),
                (None, None) => {
                    page.read_text(index + 1, line, &mut headings);
                    None
                }
                (Some(block), Some(_)) => {
                    page.blocks.push(block);
                    None
                }
                (Some(mut block), None) => {
                    block.content += line;
                    block.content.push('\n');
                    Some(block)
                }
            };
        }
        // An unclosed fence contains the rest of the page.
        page.blocks.extend(open);
        page
    }

    /// Reads a line outside of blocks.
    fn read_text(&mut self, number: usize, line: &str, headings: &mut BTreeMap<String, usize>) {
        let is_heading = line.starts_with('#') && line.trim_start_matches('#').starts_with(' ');
        if is_heading {
            let slug = slug(line.trim_start_matches('#').trim());
            let seen = headings.entry(slug.clone()).or_default();
            self.anchors.insert(match *seen {
                0 => slug,
                again => format!("{slug}-{again}"),
            });
            *seen += 1;
        }
        let mut parts = line.split('`');
        let mut text = parts.next().unwrap_or_default().to_owned();
        while let Some(span) = parts.next() {
            self.spans.push((number, span.to_owned()));
            // Stands for the span, so that a link around it remains one.
            text.push('_');
            text += parts.next().unwrap_or_default();
        }
        let targets = text.split("](").skip(1);
        let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
        self.links.extend(targets.map(|target| (number, target)));
    }
}

/// Returns the anchor that both GitHub and mdBook give a heading.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then_some(character),
    });
    kept.collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_become_anchors_and_repeated_ones_are_numbered() {
        let page = Page::parse(
            "a.md",
            "# What a 429 means\n## `a_b.c`\n## A B\n## A B\n#x\n",
        );
        let anchors: Vec<&str> = page.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["a-b", "a-b-1", "a_bc", "what-a-429-means"]);
    }

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "[a](b.md) ![`c`](d.png) and `[e](f.md)`\nover [two\nlines](g.md#h)\n";
        let page = Page::parse("a.md", &format!("{text}```sh run\n[i](j.md)\n```\n"));
        let links: Vec<(usize, &str)> = page
            .links
            .iter()
            .map(|(line, target)| (*line, target.as_str()))
            .collect();
        assert_eq!(links, [(1, "b.md"), (1, "d.png"), (3, "g.md#h")]);
    }

    #[test]
    fn blocks_have_what_follows_their_fence_and_an_open_one_ends_with_the_page() {
        let page = Page::parse("a.md", "```sh run\na\nb\n```\n\n```\nc\n");
        let blocks = page.blocks.iter();
        let blocks: Vec<(usize, &str, &str)> = blocks
            .map(|block| (block.line, block.info.as_str(), block.content.as_str()))
            .collect();
        assert_eq!(blocks, [(1, "sh run", "a\nb\n"), (6, "", "c\n")]);
    }
}
