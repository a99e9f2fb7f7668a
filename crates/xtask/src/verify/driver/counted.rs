//! What the driver on the host counted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Calls and bytes.
type Count = (u64, u64);
type Counts = BTreeMap<String, Count>;

/// A region of a program: what the profiler enclosed, or all of it.
#[derive(Debug, Deserialize)]
pub(super) struct Region {
    counts: BTreeMap<String, Counts>,
    /// What was there at its beginning and at its end.
    before: Counts,
    live: Counts,
}

/// What one step has the driver do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Kernels, calls of libraries, copies on the device and settings of memory.
    pub(super) launches: u64,
    /// Bytes of the allocations that a launch is given, each once a launch.
    pub(super) bytes: u64,
    pub(super) uploads: u64,
    pub(super) allocations: u64,
    pub(super) events: u64,
    pub(super) synchronisations: u64,
}

/// Reads the driver's report.
pub(super) fn read(report: &Path) -> Result<Vec<Region>> {
    let text = fs::read_to_string(report);
    let text = text.with_context(|| format!("cannot read {}", report.display()))?;
    let regions = text.lines().map(serde_json::from_str);
    Ok(regions.collect::<Result<_, _>>()?)
}

impl Region {
    /// Fails where a GPU would have refused something.
    pub(super) fn refuse_faults(&self) -> Result<()> {
        let faults = self.counts.get("fault");
        ensure!(faults.is_none(), "the driver found faults: {faults:?}");
        Ok(())
    }

    /// Fails where the end has more memory, events or other things than the beginning.
    pub(super) fn refuse_growth(&self) -> Result<()> {
        let (before, after) = (&self.before, &self.live);
        ensure!(before == after, "from {before:?} to {after:?}");
        Ok(())
    }

    /// Describes everything in a line.
    pub(super) fn total(&self) -> String {
        let (launches, _) = self.sum("launch", |_| true);
        let (calls, _) = self.sum("library", |_| true);
        format!("{launches} kernels were launched, and libraries called {calls} times")
    }

    /// Returns what each of so many equal steps did.
    pub(super) fn each(&self, steps: u64) -> Result<Step> {
        let each = |name: &str, count: u64| {
            let rest = count % steps;
            ensure!(rest == 0, "{count} {name} are not of {steps} equal steps");
            Ok(count / steps)
        };
        let kernels = self.sum("launch", |_| true);
        let calls = self.sum("library", |_| true);
        let copies = self.sum("copy", |name| !matches!(name, "upload" | "download"));
        let launches = kernels.0 + calls.0 + copies.0;
        Ok(Step {
            launches: each("launches", launches)?,
            // What is copied on the device is read and written.
            bytes: each("bytes", kernels.1 + calls.1 + 2 * copies.1)?,
            uploads: each("uploads", self.sum("copy", |name| name == "upload").0)?,
            allocations: each(
                "allocations",
                self.sum("created", |name| name == "memory").0,
            )?,
            events: each("events", self.sum("created", |name| name == "event").0)?,
            synchronisations: each("waits", self.sum("synchronisation", |_| true).0)?,
        })
    }

    fn sum(&self, kind: &str, is_one: impl Fn(&str) -> bool) -> Count {
        let entries = self.counts.get(kind).into_iter().flatten();
        let counted = entries.filter(|(name, _)| is_one(name));
        counted.fold((0, 0), |sum, (_, count)| (sum.0 + count.0, sum.1 + count.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"what":"profiled","counts":{
        "launch":{"softmax_f16":[4,400],"geglu_f16":[2,20]},
        "library":{"cublasLtMatmul":[2,60]},
        "copy":{"upload":[6,96],"download":[2,8],"on the device":[2,10]},
        "created":{"memory":[8,512],"event":[2,0]},
        "synchronisation":{"stream":[2,0]}},
        "before":{"memory":[3,99]},"live":{"memory":[3,99]}}"#;

    #[test]
    fn a_region_is_divided_into_its_steps() {
        let region: Region = serde_json::from_str(LINE).unwrap();
        let step = Step {
            launches: 5,
            bytes: 250,
            uploads: 3,
            allocations: 4,
            events: 1,
            synchronisations: 1,
        };
        assert_eq!(region.each(2).unwrap(), step);
        assert!(region.each(3).is_err());
        region.refuse_growth().unwrap();
        region.refuse_faults().unwrap();
    }

    #[test]
    fn growth_and_faults_are_refused() {
        let more = LINE.replace(
            r#""live":{"memory":[3,99]}"#,
            r#""live":{"memory":[4,100]}"#,
        );
        let region: Region = serde_json::from_str(&more).unwrap();
        assert!(region.refuse_growth().is_err());
        let fault = LINE.replace(r#""launch":"#, r#""fault":{"a grid":[1,0]},"launch":"#);
        let region: Region = serde_json::from_str(&fault).unwrap();
        let error = region.refuse_faults().unwrap_err().to_string();
        assert!(error.contains("a grid"), "{error}");
    }
}
