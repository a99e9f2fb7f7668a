//! Where the models run.

use std::str::FromStr;
use std::sync::OnceLock;

use candle_core::{Device, DeviceLocation};
use facegen_nn::kernels::isa::Isa;

use crate::EngineError;

/// Whether the best device was a GPU when it was opened first.
static BEST_IS_GPU: OnceLock<bool> = OnceLock::new();

/// Where the models run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best device that was compiled in and is there.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA GPU by its number.
    Cuda(usize),
    /// Apple's GPU by its number.
    Metal(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    /// Reads `auto`, `cpu`, `cuda:NUMBER` or `metal:NUMBER`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |number: &str| number.parse().map_err(|_| format!("{number} is no number"));
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            Some(("cuda", device)) => Ok(Self::Cuda(number(device)?)),
            Some(("metal", device)) => Ok(Self::Metal(number(device)?)),
            _ => Err("expected auto, cpu, cuda:NUMBER or metal:NUMBER".into()),
        }
    }
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// When the device was named and is not there, or was not compiled in; or
    /// when the best one was a GPU, and is there no more.
    pub fn open(self) -> Result<Device, EngineError> {
        match self {
            Self::Auto => open_again(&BEST_IS_GPU, Self::best),
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) => {
                Device::new_cuda(number).map_err(|error| unusable("cuda", number, &error))
            }
            Self::Metal(number) => {
                Device::new_metal(number).map_err(|error| unusable("metal", number, &error))
            }
        }
    }

    /// Whether a device that was named can be opened. One is chosen otherwise.
    ///
    /// # Errors
    /// As [`DeviceChoice::open`].
    pub fn check(self) -> Result<(), EngineError> {
        match self {
            Self::Auto | Self::Cpu => Ok(()),
            Self::Cuda(_) | Self::Metal(_) => self.open().map(drop),
        }
    }

    /// Whether a GPU would be used. The best device is opened for that once in
    /// the life of the process, since opening one takes memory of it.
    #[must_use]
    pub fn is_gpu(self) -> bool {
        match self {
            Self::Auto => *BEST_IS_GPU.get_or_init(|| !Self::best().is_cpu()),
            Self::Cpu => false,
            Self::Cuda(_) | Self::Metal(_) => true,
        }
    }

    /// The name of the device that would be used, as it is written in the
    /// config.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Auto if !self.is_gpu() => "cpu".to_owned(),
            Self::Auto if cfg!(feature = "metal") => "metal:0".to_owned(),
            Self::Auto => "cuda:0".to_owned(),
            Self::Cpu => "cpu".to_owned(),
            Self::Cuda(number) => format!("cuda:{number}"),
            Self::Metal(number) => format!("metal:{number}"),
        }
    }

    /// The device that would be used, and what computes on it, in words.
    ///
    /// # Errors
    /// As [`DeviceChoice::open`].
    pub fn describe(self) -> Result<String, EngineError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let device = self.open()?;
        let cudnn = if cfg!(feature = "cudnn") {
            " and cudnn"
        } else {
            ""
        };
        Ok(match device.location() {
            DeviceLocation::Cpu => {
                format!("cpu, {threads} threads, kernels for {}", Isa::best().name())
            }
            DeviceLocation::Cuda { gpu_id } => {
                let memory = cuda_memory(&device);
                format!("cuda:{gpu_id}, candle's kernels{cudnn}, {memory}")
            }
            DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}, candle's kernels"),
        })
    }

    fn best() -> Device {
        let device = Device::new_cuda(0)
            .or_else(|_| Device::new_metal(0))
            .unwrap_or(Device::Cpu);
        let compiled_in = cfg!(feature = "cuda") || cfg!(feature = "metal");
        if device.is_cpu() && compiled_in {
            tracing::warn!("no gpu available, falling back to cpu");
        }
        device
    }
}

/// The device, unless a GPU was there at first and is there no more: a process
/// whose GPU is lost shall end, and not go on at the pace of its processor.
fn open_again(
    was_gpu: &OnceLock<bool>,
    open: impl FnOnce() -> Device,
) -> Result<Device, EngineError> {
    let device = open();
    if *was_gpu.get_or_init(|| !device.is_cpu()) && device.is_cpu() {
        return Err(EngineError::Device("the gpu is there no more".to_owned()));
    }
    Ok(device)
}

fn unusable(kind: &str, number: usize, error: &candle_core::Error) -> EngineError {
    EngineError::Device(format!(
        "{kind} device {number} cannot be used, the device cpu needs no gpu: {error}"
    ))
}

/// How much memory an NVIDIA GPU has, and how much of it is free.
#[cfg(feature = "cuda")]
fn cuda_memory(device: &Device) -> String {
    let Device::Cuda(device) = device else {
        return String::new();
    };
    let gigabytes = |bytes: usize| bytes as f64 / 1e9;
    match device.cuda_stream().context().mem_get_info() {
        Ok((free, total)) => format!(
            "{:.1} of {:.1} GB are free",
            gigabytes(free),
            gigabytes(total)
        ),
        Err(error) => format!("its memory is not known: {error:?}"),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda_memory(_: &Device) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_that_was_there_is_not_replaced_by_the_processor() {
        let open = |was_gpu: &OnceLock<bool>| open_again(was_gpu, || Device::Cpu);
        let unknown = OnceLock::new();
        for _ in 0..2 {
            assert!(open(&unknown).unwrap().is_cpu());
        }
        assert_eq!(unknown.get(), Some(&false));
        let error = open(&OnceLock::from(true)).unwrap_err().to_string();
        assert!(error.contains("the gpu is there no more"), "{error}");
    }

    #[test]
    fn devices_are_named_by_kind_and_number() {
        assert_eq!(DeviceChoice::from_str("auto"), Ok(DeviceChoice::Auto));
        assert_eq!(DeviceChoice::from_str("cpu"), Ok(DeviceChoice::Cpu));
        assert_eq!(DeviceChoice::from_str("cuda:1"), Ok(DeviceChoice::Cuda(1)));
        assert_eq!(
            DeviceChoice::from_str("metal:0"),
            Ok(DeviceChoice::Metal(0))
        );
        for name in ["cpu", "cuda:1", "metal:0"] {
            assert_eq!(DeviceChoice::from_str(name).unwrap().name(), name);
        }
        for wrong in ["", "gpu", "cuda", "cuda:", "cuda:x", "cpu:0"] {
            assert!(DeviceChoice::from_str(wrong).is_err(), "{wrong}");
        }
    }
}
