//! The book as HTML: built without a warning, each diagram drawn by a browser.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{process, tools};

/// What a page's HTML has before each diagram, and what the browser puts into it.
const DIAGRAM: &str = "<pre class=\"mermaid\"";
const DRAWN: &str = "aria-roledescription=";

/// The milliseconds that a page may take to draw its diagrams, in the browser's own time.
const DRAWING: u32 = 20_000;

/// Builds the book with its diagrams into `target/book`, and opens each page that has one.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let source = workspace.target.join("verify").join("book");
    if source.exists() {
        fs::remove_dir_all(&source)?;
    }
    // A copy: the preprocessor adds its script and lines of the settings to the book itself.
    fs::create_dir_all(&source)?;
    let docs = workspace.root.join("docs");
    process::run(
        Command::new("cp")
            .arg("-r")
            .arg(docs.join("."))
            .arg(&source),
    )?;
    let book = workspace.target.join("book");
    build(workspace, &source, &book)?;
    let (mut pages, mut diagrams) = (0, 0);
    for page in html(&book)? {
        pages += 1;
        diagrams += drawn(&page)?;
    }
    ensure!(diagrams > 0, "no page has a diagram");
    Ok(format!(
        "{pages} pages without a warning, {diagrams} diagrams drawn"
    ))
}

fn build(workspace: &Workspace, source: &Path, book: &Path) -> Result<()> {
    let mermaid = tools::mdbook_mermaid(workspace)?;
    process::run(Command::new(&mermaid).arg("install").arg(source))?;
    let mut paths = vec![mermaid.with_file_name("")];
    paths.extend(std::env::split_paths(&path()));
    let mut command = Command::new(tools::mdbook(workspace)?);
    command.arg("build").arg(source).arg("--dest-dir").arg(book);
    command.env("PATH", std::env::join_paths(paths)?);
    let output = command.output()?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    process::success(&format!("mdbook build: {log}"), output.status)?;
    let warning = log
        .lines()
        .find(|line| line.contains("WARN") || line.contains("ERROR"));
    ensure!(warning.is_none(), "mdbook warns: {log}");
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "mdbook looks for its preprocessor where programs are"
)]
fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// Returns the pages below `directory`, without the one that repeats all others for printing.
fn html(directory: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(html(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "html")
            && path.file_name().is_some_and(|name| name != "print.html")
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// Opens a page in a browser and returns the number of its diagrams. Fails when it does not draw
/// one of them.
fn drawn(page: &Path) -> Result<usize> {
    let diagrams = fs::read_to_string(page)?.matches(DIAGRAM).count();
    if diagrams == 0 {
        return Ok(0);
    }
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--dump-dom"]);
    browser.arg(format!("--virtual-time-budget={DRAWING}"));
    let shown = process::output(browser.arg(format!("file://{}", page.display())))?;
    let drawn = shown.matches(DRAWN).count();
    ensure!(
        drawn == diagrams && !shown.contains("Syntax error in text"),
        "{}: {drawn} of {diagrams} diagrams are drawn",
        page.display()
    );
    Ok(diagrams)
}
