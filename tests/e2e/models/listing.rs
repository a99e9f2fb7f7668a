//! `facegen models list`.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::embedder;
use super::program::{Models, Outcome};
use crate::program::photo;

/// Returns the object of `facegen models list --json` for the preset.
pub(super) fn listed(models: &Models) -> Result<Value> {
    let list = models.run(&["list", "--json"])?;
    list.assert_success();
    let rows = list.stdout.lines().map(serde_json::from_str);
    let rows = rows.collect::<Result<Vec<Value>, _>>()?;
    let mut rows = rows.into_iter();
    let row = rows.find(|row| row["name"] == "pulled");
    row.context("the preset is not listed")
}

/// Makes an image of this many pixels a side.
fn make(models: &Models, side: &str) -> Result<()> {
    let out = models.data_dir().with_file_name("picture.png");
    let mut command = models.command(&["generate", "--preset", "pulled", "--force"])?;
    command.arg("--out").arg(out);
    command.args(["--face", &photo("astronaut.png"), "--prompt", "portrait"]);
    let made: Outcome = command
        .args(["--width", side, "--height", side])
        .output()?
        .try_into()?;
    made.assert_success();
    Ok(())
}

#[test]
fn the_seconds_of_an_image_are_computed_until_one_was_made() -> Result<()> {
    let (_hub, models, _) = embedder("")?;
    models.run(&["pull", "pulled"])?.assert_success();
    make(&models, "256")?;
    let before = listed(&models)?;
    assert_eq!(before["measured"], json!([]), "another size says nothing");
    let least = before["seconds_on_cpu_at_least"].as_f64();
    let least = least.context("nothing is computed")?;
    assert!((0.01..60.0).contains(&least), "{least}");
    let table = models.run(&["list"])?.stdout;
    let row = table.lines().find(|line| line.starts_with("pulled "));
    let row = row.context("the preset is not listed")?;
    assert!(row.contains("  >") && row.contains(" on cpu "), "{row}");

    make(&models, "512")?;
    let after = listed(&models)?;
    assert_eq!(after["seconds_on_cpu_at_least"], Value::Null);
    let times = after["measured"].as_array().context("no times")?;
    assert_eq!(times.len(), 1, "{after}");
    assert_eq!(times[0]["device"], "cpu");
    let seconds = times[0]["seconds"].as_f64().context("no seconds")?;
    assert!(seconds > least, "{seconds} of {least}");
    let table = models.run(&["list"])?.stdout;
    assert!(
        table.contains(&format!("  {seconds:.1} on cpu ")),
        "{table}"
    );
    Ok(())
}
