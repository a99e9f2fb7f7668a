//! `facegen models list`.

use std::collections::BTreeSet;

use anyhow::Result;
use facegen_core::Preset;
use facegen_core::preset::Measured;
use facegen_hub::{self as hub, Accepted, Gate, HubError};
use indicatif::HumanBytes;
use serde::Serialize;

use super::needs::{Needs, about, least_seconds};
use crate::config::Config;
use crate::output;
use crate::times::{self, ShortestTime};

/// How many columns the table has.
const COLUMNS: usize = 7;

const HEADER: [&str; COLUMNS] = [
    "NAME", "LICENCES", "TO FETCH", "RAM", "VRAM", "SECONDS", "HERE",
];

/// Prints the presets, as a table or as one JSON object a line.
pub(super) fn run(config: &Config, json: bool) -> Result<()> {
    let accepted = Accepted::read(&config.storage.data_dir, &config.models.accept)?;
    let presets = Preset::all(&config.engine.models_dir)?;
    let shortest = times::read(&config.storage.data_dir)?;
    let rows = presets
        .iter()
        .map(|preset| row(preset, config, &accepted, &shortest));
    let rows = rows.collect::<Result<Vec<Row<'_>>>>()?;
    if !json {
        return output::print(&table(&rows));
    }
    let lines = rows.iter().map(serde_json::to_string);
    let lines = lines.collect::<Result<Vec<String>, _>>()?;
    output::print(&(lines.join("\n") + "\n"))
}

/// A preset, and what is here of it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    description: &'a str,
    licences: BTreeSet<&'a str>,
    /// Those that have to be accepted before files are fetched and loaded.
    to_accept: Vec<String>,
    /// The bytes of the missing files; `None` where a size is not known.
    bytes_to_fetch: Option<u64>,
    /// The number of files that come from a hub.
    files: usize,
    files_here: usize,
    /// Whether the files that the manifest names by their paths exist.
    has_local_files: bool,
    /// Computed from the configs of its networks.
    #[serde(flatten)]
    needs: Needs,
    /// The seconds of one image where they were measured, here or by the
    /// manifest's author.
    measured: Vec<Time<'a>>,
    /// Where they were not: what the UNet takes at the peak rate of this CPU, so
    /// that an image takes longer.
    seconds_on_cpu_at_least: Option<f64>,
}

/// How long one image of 512×512 took in 21 steps.
#[derive(Debug, Serialize)]
struct Time<'a> {
    device: &'a str,
    seconds: f64,
}

fn row<'a>(
    preset: &'a Preset,
    config: &Config,
    accepted: &Accepted,
    shortest: &'a [ShortestTime],
) -> Result<Row<'a>> {
    let files = hub::files(preset, &config.storage.data_dir)?;
    let missing = files.iter().filter(|file| !file.is_here);
    let licences = preset.models().into_iter();
    let here = shortest.iter().filter(|time| time.preset == preset.name());
    let author = preset.measured().iter().map(Time::from);
    let measured: Vec<Time<'_>> = here.map(Time::from).chain(author).collect();
    Ok(Row {
        name: preset.name(),
        description: preset.description(),
        licences: licences.map(|(_, model)| &*model.licence).collect(),
        to_accept: match Gate::check(preset, accepted) {
            Ok(()) => Vec::new(),
            Err(HubError::Licence { licences, .. }) => licences,
            Err(error) => return Err(error.into()),
        },
        bytes_to_fetch: missing.clone().map(|file| file.bytes).sum(),
        files: files.len(),
        files_here: files.len() - missing.count(),
        has_local_files: hub::has_local_files(preset),
        needs: Needs::of(preset, &files),
        seconds_on_cpu_at_least: match measured.is_empty() {
            true => least_seconds(preset),
            false => None,
        },
        measured,
    })
}

impl<'a> From<&'a ShortestTime> for Time<'a> {
    fn from(time: &'a ShortestTime) -> Self {
        Self {
            device: &time.device,
            seconds: time.seconds,
        }
    }
}

impl<'a> From<&'a Measured> for Time<'a> {
    fn from(measured: &'a Measured) -> Self {
        Self {
            device: &measured.device,
            seconds: measured.seconds,
        }
    }
}

impl Row<'_> {
    fn columns(&self) -> [String; COLUMNS] {
        let licences: Vec<&str> = self.licences.iter().copied().collect();
        let size = match self.bytes_to_fetch {
            None => "unknown".to_owned(),
            Some(0) => "-".to_owned(),
            Some(bytes) => HumanBytes(bytes).to_string(),
        };
        let name = self.name.to_owned();
        let Needs {
            ram_bytes,
            vram_bytes,
        } = self.needs;
        let (ram, vram) = (about(ram_bytes), about(vram_bytes));
        let licences = licences.join(", ");
        [name, licences, size, ram, vram, self.times(), self.here()]
    }

    /// Returns the seconds of one image, and on what.
    fn times(&self) -> String {
        let time = |time: &Time<'_>| format!("{:.1} on {}", time.seconds, time.device);
        let times: Vec<String> = self.measured.iter().map(time).collect();
        match self.seconds_on_cpu_at_least {
            _ if !times.is_empty() => times.join(", "),
            Some(seconds) => format!(">{seconds:.1} on cpu"),
            None => "-".to_owned(),
        }
    }

    /// Returns what is here, and what has to be done before the rest is.
    fn here(&self) -> String {
        let mut parts = Vec::new();
        if !self.has_local_files {
            parts.push("files next to its manifest missing".to_owned());
        }
        if self.files_here < self.files {
            parts.push(format!("{} of {} files", self.files_here, self.files));
        }
        if parts.is_empty() {
            parts.push("ready".to_owned());
        }
        if !self.to_accept.is_empty() {
            parts.push(format!("to be accepted: {}", self.to_accept.join(" ")));
        }
        parts.join(", ")
    }
}

/// What the columns of figures are.
const FIGURES: &str = "\
~ is computed: the weights of the networks, in main memory without a GPU (RAM) or on one (VRAM);
images in progress take more. SECONDS are those of an image of 512x512 in 21 steps: the shortest of
those made so far, or > what its UNet takes at the peak rate of this CPU: an image takes longer.
";

/// Formats rows under a header, in aligned columns.
fn table(rows: &[Row<'_>]) -> String {
    let header = HEADER.map(str::to_owned);
    let lines: Vec<[String; COLUMNS]> = [header]
        .into_iter()
        .chain(rows.iter().map(Row::columns))
        .collect();
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let format = |cells: &[String; COLUMNS]| {
        let cells = cells.iter().enumerate();
        let padded = cells.map(|(column, cell)| format!("{cell:0$}", width(column)));
        let line = padded.collect::<Vec<String>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    let table: String = lines.iter().map(format).collect();
    format!("{table}\n{FIGURES}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str) -> Row<'static> {
        Row {
            name,
            description: "",
            licences: ["MIT", "Apache-2.0"].into(),
            to_accept: Vec::new(),
            bytes_to_fetch: Some(0),
            files: 2,
            files_here: 2,
            has_local_files: true,
            needs: Needs {
                ram_bytes: Some(7 << 30),
                vram_bytes: None,
            },
            measured: Vec::new(),
            seconds_on_cpu_at_least: None,
        }
    }

    #[test]
    fn columns_are_aligned_under_their_header() {
        let partial = Row {
            bytes_to_fetch: None,
            files_here: 1,
            to_accept: vec!["Secret-Lab".to_owned()],
            ..row("a-longer-name")
        };
        let known = Row {
            bytes_to_fetch: Some(3 << 30),
            files_here: 0,
            measured: vec![Time {
                device: "cpu",
                seconds: 5.04,
            }],
            ..row("b")
        };
        let computed = Row {
            seconds_on_cpu_at_least: Some(95.04),
            ..row("c")
        };
        let expected = "\
NAME           LICENCES         TO FETCH  RAM        VRAM  SECONDS       HERE
a-longer-name  Apache-2.0, MIT  unknown   ~7.00 GiB  -     -             1 of 2 files, to be accepted: Secret-Lab
b              Apache-2.0, MIT  3.00 GiB  ~7.00 GiB  -     5.0 on cpu    0 of 2 files
c              Apache-2.0, MIT  -         ~7.00 GiB  -     >95.0 on cpu  ready
d              Apache-2.0, MIT  -         ~7.00 GiB  -     -             ready
";
        let table = table(&[partial, known, computed, row("d")]);
        assert_eq!(table, format!("{expected}\n{FIGURES}"));
    }

    #[test]
    fn a_preset_without_the_files_of_its_manifest_is_not_ready() {
        let lacking = Row {
            has_local_files: false,
            ..row("demo")
        };
        assert_eq!(lacking.here(), "files next to its manifest missing");
    }
}
