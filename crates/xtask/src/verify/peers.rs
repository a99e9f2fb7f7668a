//! The CPU next to other implementations, and under load for half an hour.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::gpu_kit::programs::executable;
use crate::process;
use crate::workspace::Workspace;

/// The directory of checkpoints, Python and results in place of one in the target directory: they
/// take 25 GB.
const DIRECTORY: &str = "FACEGEN_PEERS";
/// What the page is written to.
const PAGE: &str = "docs/reference/peers.md";
const PLOT: &str = "docs/reference/peers.svg";
/// The photo of a person.
const PHOTO: &str = "tests/assets/photographs/astronaut.png";
/// The networks of the checkpoints.
const NETWORKS: &str = "unet,vae,adapter,text_encoder,image_encoder,safety_checker";
const ADAPTER: &str = "adapter/ip-adapter-faceid-plusv2_sd15.bin";

/// Where everything is.
struct Place<'a> {
    workspace: &'a Workspace,
    directory: PathBuf,
}

/// Measures facegen and its peers in turns, writes the page, and fails where facegen is slower than
/// it may be.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let place = Place::new(workspace)?;
    place.install()?;
    place.make_checkpoints()?;
    let programs = place.build()?;
    let commit = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .current_dir(&workspace.root)
        .output()?;
    let commit = String::from_utf8_lossy(&commit.stdout).trim().to_owned();
    // An interrupted run of the same commit goes on.
    let results = place.directory.join(format!("results-{commit}.jsonl"));
    let mut measure = place.script("benches/peers/run.py");
    measure.arg(place.checkpoints());
    measure.arg("--programs").arg(&programs);
    measure
        .args(["--photo", PHOTO])
        .arg("--results")
        .arg(&results);
    process::run(&mut measure)?;
    let distances = place.compare(&programs, &commit)?;
    let mut table = place.script("benches/peers/table.py");
    table.arg(&results).arg(&distances);
    table.args(["--page", PAGE, "--plot", PLOT]);
    let mut said = None;
    let status = process::run_reading(&mut table, |line| {
        if let Some(line) = line.strip_prefix("peers: ") {
            said = Some(line.to_owned());
        }
    })?;
    process::success("table.py", status)?;
    said.context("table.py says nothing")
}

/// Lets the server make images for half an hour.
pub(super) fn soak(workspace: &Workspace) -> Result<String> {
    let place = Place::new(workspace)?;
    place.install()?;
    place.make_checkpoints()?;
    let mut build = process::cargo();
    build.args(["build", "--workspace", "--bins"]);
    process::run(build.current_dir(&workspace.root))?;
    let mut soak = place.script("benches/peers/soak.py");
    soak.arg(workspace.target.join("debug/facegen"));
    soak.arg(place.checkpoints()).args(["--photo", PHOTO]);
    soak.arg("--out").arg(place.directory.join("soak"));
    let mut said = None;
    let status = process::run_reading(&mut soak, |line| {
        if let Some(line) = line.strip_prefix("soak: ") {
            said = Some(line.to_owned());
        }
    })?;
    process::success("soak.py", status)?;
    said.context("soak.py says nothing")
}

impl<'a> Place<'a> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the directory is too large to be always the same"
    )]
    fn new(workspace: &'a Workspace) -> Result<Self> {
        let directory = std::env::var_os(DIRECTORY).map(PathBuf::from);
        let directory = directory.unwrap_or_else(|| workspace.target.join("verify/peers"));
        fs::create_dir_all(&directory)?;
        Ok(Self {
            workspace,
            directory,
        })
    }

    fn checkpoints(&self) -> PathBuf {
        self.directory.join("checkpoints")
    }

    fn python(&self) -> PathBuf {
        self.directory.join("venv/bin/python")
    }

    /// Returns the command of one of the scripts.
    fn script(&self, path: &str) -> Command {
        let mut command = Command::new(self.python());
        command.arg(path).current_dir(&self.workspace.root);
        command
    }

    /// Installs the peers.
    fn install(&self) -> Result<()> {
        if self.python().exists() {
            return Ok(());
        }
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(self.directory.join("venv"));
        process::run(&mut venv)?;
        let mut pip = Command::new(self.python());
        pip.args(["-m", "pip", "install", "--quiet", "--requirement"]);
        pip.arg("benches/peers/requirements.txt");
        process::run(pip.current_dir(&self.workspace.root))
    }

    /// Draws random weights, and converts them for OpenVINO.
    fn make_checkpoints(&self) -> Result<()> {
        let checkpoints = self.checkpoints();
        if !checkpoints.join("safety_checker/config.json").exists() {
            let mut draw = self.script("benches/gpu/checkpoints.py");
            draw.arg(&checkpoints).args(["--models", "models"]);
            draw.args(["--device", "cpu", "--dtype", "f32", "--only", NETWORKS]);
            process::run(&mut draw)?;
        }
        if !checkpoints.join("openvino/vae.xml").exists() {
            let mut convert = self.script("benches/peers/peer.py");
            convert.args(["openvino", "convert"]).arg(&checkpoints);
            process::run(&mut convert)?;
        }
        Ok(())
    }

    /// Builds our own programs and returns their directory.
    fn build(&self) -> Result<PathBuf> {
        let mut cargo = process::cargo();
        cargo.args(["bench", "--profile", "dev", "--no-run", "--workspace"]);
        cargo.args(["--bench", "step", "--bench", "image"]);
        cargo.args(["--message-format", "json-render-diagnostics"]);
        let messages = process::output(cargo.current_dir(&self.workspace.root))?;
        let programs = self.directory.join("programs");
        fs::create_dir_all(&programs)?;
        for name in ["step", "image"] {
            let built = executable(&messages, name);
            let built = built.with_context(|| format!("cargo built no {name}"))?;
            fs::copy(&built, programs.join(name))?;
        }
        Ok(programs)
    }

    /// Measures how far results are from torch's in f32, next to torch in the same dtype.
    fn compare(&self, programs: &Path, commit: &str) -> Result<PathBuf> {
        let (checkpoints, mut dumps) = (self.checkpoints(), Vec::new());
        for dtype in ["f32", "bf16"] {
            let dump = self.directory.join(format!("dump-{dtype}.safetensors"));
            let mut step = Command::new(programs.join("step"));
            step.arg("--unet").arg(checkpoints.join("unet"));
            step.arg("--vae").arg(checkpoints.join("vae"));
            step.arg("--adapter").arg(checkpoints.join(ADAPTER));
            step.args(["--dtype", dtype, "--input"]);
            step.arg(checkpoints.join("input.safetensors"));
            process::run(step.arg("--dump").arg(&dump))?;
            dumps.push(dump);
        }
        let distances = self.directory.join(format!("distances-{commit}.jsonl"));
        if distances.exists() {
            fs::remove_file(&distances)?;
        }
        let mut compare = self.script("benches/gpu/compare.py");
        compare.arg(&checkpoints).args(&dumps);
        compare
            .args(["--device", "cpu", "--results"])
            .arg(&distances);
        process::run(&mut compare)?;
        ensure!(distances.exists(), "compare.py wrote nothing");
        Ok(distances)
    }
}
