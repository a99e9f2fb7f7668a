//! NVIDIA's compiler and libraries from PyPI, for builds on a machine without a GPU.

mod bindings;
mod driver;
mod host;

pub(crate) use host::{COMPUTES, HostDriver};

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The packages with the compiler's version.
const COMPILER: [&str; 6] = [
    "nvidia-cuda-nvcc",
    "nvidia-nvvm",
    "nvidia-cuda-crt",
    "nvidia-cuda-runtime",
    "nvidia-cuda-nvrtc",
    "nvidia-cuda-cccl",
];

/// The other packages.
const LIBRARIES: [&str; 3] = [
    "nvidia-cublas==13.*",
    "nvidia-curand==10.4.*",
    "nvidia-cudnn-cu13==9.*",
];

/// An installed toolkit.
pub(crate) struct Toolkit {
    /// What build scripts use as `CUDA_HOME`.
    home: PathBuf,
}

impl Toolkit {
    /// Installs the toolkit with the compiler of that version, as `13.2`, below `directory`, if it
    /// is missing.
    pub(crate) fn install(workspace: &Workspace, directory: &Path, version: &str) -> Result<Self> {
        let toolkit = Self {
            home: directory.join("wheels/nvidia/cu13"),
        };
        // Written last, as it marks the installation as complete.
        let stamp = directory.join("complete");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == version) {
            return Ok(toolkit);
        }
        let wheels = directory.join("wheels");
        if wheels.exists() {
            fs::remove_dir_all(&wheels)?;
        }
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--upgrade"]);
        pip.args(["--disable-pip-version-check", "--target"]);
        pip.arg(&wheels);
        pip.args(COMPILER.map(|package| format!("{package}=={version}.*")));
        process::run(pip.args(LIBRARIES))?;
        toolkit.complete(workspace, &wheels.join("nvidia/cudnn"))?;
        fs::write(stamp, version)?;
        Ok(toolkit)
    }

    /// Links the parts as linkers look for them.
    fn complete(&self, workspace: &Workspace, cudnn: &Path) -> Result<()> {
        for part in ["include", "lib"] {
            link_files(&cudnn.join(part), &self.home.join(part))?;
        }
        unversioned_links(&self.libraries())?;
        link(&self.libraries(), &self.home.join("lib64"))?;
        driver::build_stub(workspace, &self.stubs())
    }

    /// Returns the compiler.
    pub(crate) fn compiler(&self) -> PathBuf {
        self.home.join("bin/nvcc")
    }

    /// Returns the directory of the libraries.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.home.join("lib")
    }

    /// Returns the directory of a driver that finds no device.
    pub(crate) fn stubs(&self) -> PathBuf {
        self.home.join("lib/stubs")
    }

    /// Lets a build use it, for GPUs of that compute capability unless the environment names
    /// another.
    #[expect(
        clippy::disallowed_methods,
        reason = "the search path is the environment's"
    )]
    pub(crate) fn apply<'a>(&self, command: &'a mut Command, capability: &str) -> &'a mut Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let chosen = std::env::var("CUDA_COMPUTE_CAP");
        let (libraries, stubs) = (self.libraries(), self.stubs());
        command
            .env("CUDA_HOME", &self.home)
            .env("CUDA_PATH", &self.home)
            .env(
                "PATH",
                format!("{}:{path}", self.home.join("bin").display()),
            )
            .env("CUDA_COMPUTE_CAP", chosen.as_deref().unwrap_or(capability))
            .env(
                "LD_LIBRARY_PATH",
                format!("{}:{}", libraries.display(), stubs.display()),
            )
    }
}

/// Lists the files with kernels in a directory.
pub(crate) fn kernel_sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = directory.read_dir();
    let entries = entries.with_context(|| directory.display().to_string())?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "cu"));
    paths.sort();
    Ok(paths)
}

/// Creates a link in `to` for every file in `from`.
fn link_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        link(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Creates `libX.so` next to every `libX.so.N`: linkers look for the plain name.
fn unversioned_links(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some((plain, _)) = name.split_once(".so.") {
            link(&entry.path(), &directory.join(format!("{plain}.so")))?;
        }
    }
    Ok(())
}

/// Creates a link, unless there is one.
pub(crate) fn link(from: &Path, to: &Path) -> Result<()> {
    if to.symlink_metadata().is_err() {
        symlink(from, to).with_context(|| format!("cannot link {}", to.display()))?;
    }
    Ok(())
}
