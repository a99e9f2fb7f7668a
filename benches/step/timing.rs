//! Times work that a device does while the program goes on.

use std::time::Instant;

use anyhow::Result;
use facegen_nn::Compute;
use facegen_testkit::memory::{minor_faults, peak_kilobytes};
use serde_json::{Map, Value};

use crate::arguments::Arguments;
use crate::{memory, profiler};

/// Runs `work` as often as asked for, each time until the device is done, and
/// returns the times in milliseconds, the page faults of each on average, and the
/// most memory in use.
pub(crate) fn measure(
    compute: &Compute,
    arguments: &Arguments,
    work: impl Fn() -> Result<()> + Sync,
) -> Result<Map<String, Value>> {
    let device = compute.device();
    let timed = || -> Result<f64> {
        let started = Instant::now();
        compute.run(&work)?;
        device.synchronize()?;
        Ok(1e3 * started.elapsed().as_secs_f64())
    };
    let first = timed()?;
    for _ in 1..arguments.warm_up {
        timed()?;
    }
    let process = std::process::id();
    let before = minor_faults(process)?;
    let mut times = profiler::recorded(device, || {
        let times = (0..arguments.steps).map(|_| timed());
        times.collect::<Result<Vec<f64>>>()
    })?;
    let faults = minor_faults(process)? - before;
    times.sort_by(f64::total_cmp);
    let mut result = Map::new();
    let mut insert = |name: &str, value: Value| result.insert(name.to_owned(), value);
    insert("median_ms", times[times.len() / 2].into());
    insert("least_ms", times[0].into());
    insert("most_ms", times[times.len() - 1].into());
    insert("first_ms", first.into());
    insert("repeats", times.len().into());
    insert("faults", (faults / times.len() as u64).into());
    insert("peak_bytes", (1024 * peak_kilobytes(process)?).into());
    if let Some(before) = compute.ledger() {
        timed()?;
        let done = compute.ledger().unwrap_or(before) - before;
        insert("launches", done.launches.into());
        insert("bytes", done.bytes.into());
        insert("allocations", done.allocations.into());
        insert("uploads", done.uploads.into());
    }
    // By itself: who looks at the memory disturbs the times.
    let bytes = memory::most_in_use(device, || timed().map(drop))?;
    insert("device_bytes", bytes.map_or(Value::Null, Value::from));
    Ok(result)
}
