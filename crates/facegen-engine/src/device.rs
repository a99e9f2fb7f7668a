//! The device that the models run on.

use std::str::FromStr;
use std::sync::OnceLock;

use candle_core::{DType, Device, DeviceLocation};
use facegen_nn::Compute;
use facegen_nn::kernels::isa::Isa;

use crate::EngineError;

/// Whether the best device was a GPU when it was first opened.
static BEST_IS_GPU: OnceLock<bool> = OnceLock::new();

/// The choice of the device that the models run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best device that is compiled in and available.
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

    /// Parses `auto`, `cpu`, `cuda:NUMBER` or `metal:NUMBER`.
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
    /// Fails when the named device is unavailable or was not compiled in; or
    /// when the best one was a GPU and no longer is.
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

    /// Checks that a named device can be opened; without a name, one is chosen.
    ///
    /// # Errors
    /// See [`DeviceChoice::open`].
    pub fn check(self) -> Result<(), EngineError> {
        match self {
            Self::Auto | Self::Cpu => Ok(()),
            Self::Cuda(_) | Self::Metal(_) => self.open().map(drop),
        }
    }

    /// Returns whether a GPU would be used. The best device is opened for that
    /// only once per process, since opening one takes up its memory.
    #[must_use]
    pub fn is_gpu(self) -> bool {
        match self {
            Self::Auto => *BEST_IS_GPU.get_or_init(|| !Self::best().is_cpu()),
            Self::Cpu => false,
            Self::Cuda(_) | Self::Metal(_) => true,
        }
    }

    /// Returns the name, as written in the config, of the device to be used.
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

    /// Describes the device that would be used, and its kernels: only candle's with
    /// `candle_operations`, see [`LoadOptions`](crate::LoadOptions).
    ///
    /// # Errors
    /// See [`DeviceChoice::open`].
    pub fn describe(self, candle_operations: bool) -> Result<String, EngineError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let device = self.open()?;
        Ok(match device.location() {
            DeviceLocation::Cpu => {
                format!("cpu, {threads} threads, kernels for {}", Isa::best().name())
            }
            DeviceLocation::Cuda { gpu_id } => {
                let memory = describe_memory(&device);
                let kernels = cuda_kernels(device, candle_operations);
                format!("cuda:{gpu_id}, {kernels}, {memory}")
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

/// Chooses how a device computes a dtype: candle's operations replace the CUDA
/// kernels where those fail or are wrong, or the operator wants no others.
pub(crate) fn compute(device: Device, dtype: DType, candle_operations: bool) -> Compute {
    if candle_operations {
        return Compute::new(device, dtype);
    }
    Compute::fastest(device.clone(), dtype).unwrap_or_else(|error| {
        tracing::warn!(%error, "cuda kernels cannot be used, falling back to candle's operations");
        Compute::new(device, dtype)
    })
}

/// Describes what computes f16 and bf16 on an NVIDIA GPU.
fn cuda_kernels(device: Device, candle_operations: bool) -> String {
    if candle_operations {
        return "candle's operations (engine.cuda_kernels is false)".to_owned();
    }
    if !cfg!(feature = "cudnn") {
        return "candle's operations (the program was built without cudnn)".to_owned();
    }
    match Compute::fastest(device, DType::F16) {
        Ok(_) => "cuda kernels for f16 and bf16".to_owned(),
        Err(error) => format!("candle's operations (the cuda kernels fail: {error})"),
    }
}

/// Returns the device, unless a GPU was available at first and no longer is: a
/// process that has lost its GPU must exit rather than continue at the speed of
/// its CPU.
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
    let hint = match kind {
        "cuda" if !cfg!(feature = "cuda") => " (facegen was built without --features cuda)",
        "metal" if !cfg!(feature = "metal") => " (facegen was built without --features metal)",
        _ => "",
    };
    EngineError::Device(format!(
        "{kind} device {number} cannot be used, the device cpu needs no gpu{hint}: {error}"
    ))
}

/// Describes an NVIDIA GPU's total and free memory.
fn describe_memory(device: &Device) -> String {
    let gigabytes = |bytes: usize| bytes as f64 / 1e9;
    match memory(device) {
        Some(Ok((free, total))) => {
            let [free, total] = [free, total].map(gigabytes);
            format!("{free:.1} of {total:.1} GB are free")
        }
        Some(Err(error)) => format!("its memory is not known: {error}"),
        None => String::new(),
    }
}

/// Returns the free and all bytes of an NVIDIA GPU.
#[cfg(feature = "cuda")]
pub(crate) fn memory(device: &Device) -> Option<Result<(usize, usize), String>> {
    let Device::Cuda(device) = device else {
        return None;
    };
    let read = device.cuda_stream().context().mem_get_info();
    Some(read.map_err(|error| format!("{error:?}")))
}

#[cfg(not(feature = "cuda"))]
pub(crate) fn memory(_: &Device) -> Option<Result<(usize, usize), String>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_gpu_is_not_replaced_by_the_cpu() {
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
    fn an_operator_can_do_without_the_cuda_kernels() {
        let kernels = cuda_kernels(Device::Cpu, true);
        assert!(
            kernels.contains("engine.cuda_kernels is false"),
            "{kernels}"
        );
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
