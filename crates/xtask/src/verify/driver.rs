//! Runs the path for NVIDIA's GPUs on the host: with a driver that counts what it is given, and
//! computes it where that is small.

mod counted;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use self::counted::{Region, read};
use crate::cuda::{COMPUTES, HostDriver};
use crate::process;
use crate::report;
use crate::workspace::Workspace;

/// The configs of the published sizes.
const MODELS: &str = "benches/gpu/driver/sd15";
/// Bytes of uploads that are more than all of the comparison at load, and less than a published
/// model: so the comparison is computed, and the model is only counted.
const COMPUTED: u64 = 32 << 20;
/// Steps and decodes that are counted. What grows, grows in as many.
const STEPS: u64 = 100;
/// How far the ledger may be from what the driver counts, in percent.
const TOLERANCE: u64 = 5;

/// What is built, with the name of its executable.
const PROGRAMS: [&str; 3] = ["facegen", "step", "golden"];

/// A line of the bench.
#[derive(Debug, Deserialize)]
struct Measurement {
    what: String,
    kernels: String,
    images: u64,
    launches: Option<u64>,
    bytes: Option<u64>,
    allocations: Option<u64>,
    uploads: Option<u64>,
}

/// Builds everything, and checks the goldens, the fallback and the ledger.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let directory = workspace.target.join("verify").join("driver");
    fs::create_dir_all(&directory)?;
    let driver = HostDriver::build(workspace, &directory)?;
    let [facegen, step, golden] = build(workspace, &driver)?;
    let checks = Checks {
        workspace,
        driver,
        report: directory.join("report.jsonl"),
    };
    checks.goldens(&golden)?;
    checks.fallback(&facegen)?;
    let mut results = Vec::new();
    for (kernels, images) in [("own", "1,4,8"), ("candle", "1")] {
        results.extend(checks.ledger(&step, kernels, images)?);
    }
    Ok(results.join("; "))
}

/// Builds the programs with the toolkit of the driver.
fn build(workspace: &Workspace, driver: &HostDriver) -> Result<[PathBuf; 3]> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--workspace"]);
    cargo.args(["--features", "facegen/cudnn,facegen-tests/cudnn"]);
    cargo.args(["--bin", "facegen", "--bench", "step", "--test", "golden"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let messages = process::output(
        driver
            .toolkit
            .apply(&mut cargo, "90")
            .env("CARGO_TARGET_DIR", &workspace.target)
            .current_dir(&workspace.root),
    )?;
    let [first, second, third] = PROGRAMS.map(|name| {
        crate::gpu_kit::executable(&messages, name)
            .with_context(|| format!("cargo built no {name}"))
    });
    Ok([first?, second?, third?])
}

struct Checks<'a> {
    workspace: &'a Workspace,
    driver: HostDriver,
    report: PathBuf,
}

impl Checks<'_> {
    /// Prepares a program that uses the driver.
    fn program(&self, program: &Path) -> Result<Command> {
        if self.report.exists() {
            fs::remove_file(&self.report)?;
        }
        let mut command = Command::new(program);
        self.driver.count(&mut command, &self.report);
        command.current_dir(&self.workspace.root);
        Ok(command)
    }

    /// Every network of the goldens, and a whole image, by the kernels for GPUs.
    fn goldens(&self, golden: &Path) -> Result<()> {
        let mut command = self.program(golden)?;
        command.args(["gpu::", "--ignored", "--test-threads", "1", "--nocapture"]);
        // Where cargo would say that the data of the tests is.
        command.env("CARGO_MANIFEST_DIR", &self.workspace.root);
        process::run(self.driver.compute(&mut command)?)?;
        let regions = read(&self.report)?;
        let all = regions.last().context("the driver reported nothing")?;
        all.refuse_faults()?;
        report::line(format_args!("{}", all.total()));
        Ok(())
    }

    /// A driver that computes nothing: the comparison has to notice it.
    fn fallback(&self, facegen: &Path) -> Result<()> {
        let mut command = self.program(facegen)?;
        command.args(["doctor", "--device", "cuda:0", "--models-dir", "models"]);
        let output = command.output().context("cannot start facegen")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let noticed = said.contains("the cuda kernels fail") && said.contains("of its size away");
        ensure!(noticed, "the doctor does not notice wrong results: {said}");
        Ok(())
    }

    /// Counts steps and decodes of the published sizes, and compares them with the ledger.
    fn ledger(&self, step: &Path, kernels: &str, images: &str) -> Result<Vec<String>> {
        let models = self.workspace.root.join(MODELS);
        let mut command = self.program(step)?;
        command.arg("--unet").arg(models.join("unet"));
        command.arg("--vae").arg(models.join("vae"));
        command.args(["--weights", "zeros", "--device", "cuda:0", "--dtype", "f16"]);
        command.args(["--kernels", kernels, "--images", images]);
        command.args(["--steps", &STEPS.to_string()]);
        command.env(COMPUTES, COMPUTED.to_string());
        let mut lines = Vec::new();
        let command = self.driver.compute(&mut command)?;
        let status = process::run_reading(command, |line| lines.push(line.to_owned()))?;
        process::success("step", status)?;
        let measured: Vec<Measurement> = lines
            .iter()
            .map(|line| serde_json::from_str(line))
            .collect::<Result<_, _>>()?;
        let regions = read(&self.report)?;
        let (all, regions) = regions.split_last().context("nothing was reported")?;
        all.refuse_faults()?;
        ensure!(measured.len() == regions.len(), "{} regions", regions.len());
        let pairs = measured.iter().zip(regions);
        pairs
            .map(|(measurement, region)| compare(measurement, region))
            .collect()
    }
}

/// Compares a measured region with what the layers declared for a step of it.
fn compare(measurement: &Measurement, region: &Region) -> Result<String> {
    let what = format!(
        "{} of {} by {}",
        measurement.what, measurement.images, measurement.kernels
    );
    let step = region.each(STEPS).with_context(|| what.clone())?;
    report::line(format_args!("{what}: {step:?}"));
    region.refuse_growth().with_context(|| what.clone())?;
    ensure!(
        step.synchronisations == 1,
        "{what}: the host waits {} times a step",
        step.synchronisations
    );
    let declared = [
        ("launches", measurement.launches, step.launches),
        ("uploads", measurement.uploads, step.uploads),
        ("allocations", measurement.allocations, step.allocations),
        ("bytes", measurement.bytes, step.bytes),
    ];
    for (name, declared, counted) in declared {
        let Some(declared) = declared else { continue };
        let allowed = declared * TOLERANCE / 100;
        ensure!(
            declared.abs_diff(counted) <= allowed,
            "{what}: {counted} {name} were counted, {declared} declared"
        );
    }
    Ok(format!(
        "{what}: {} launches, {} uploads, {} allocations, {:.1} GB",
        step.launches,
        step.uploads,
        step.allocations,
        step.bytes as f64 / 1e9
    ))
}
