#![expect(unsafe_code, reason = "launches kernels and calls the driver")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::cuda_backend::cudarc::cublaslt::{result as lt, sys as lt_sys};
use candle_core::cuda_backend::cudarc::cudnn::{result as dnn, sys as dnn_sys};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DevicePtr, LaunchConfig, PushKernelArg, result, sys,
};
use candle_core::{CudaDevice, Error};

use super::Result;
use super::handles::Owned;
use super::launch::{Argument, Launch, lock};

/// The kernels of `cuda/*.cu`, compiled to PTX by the build script.
#[expect(unreachable_pub, reason = "generated")]
mod ptx {
    include!(concat!(env!("OUT_DIR"), "/ptx.rs"));
}

/// Scratch memory of cuDNN and cublasLt. NVIDIA recommends 32 MiB for cublasLt on Hopper; cuDNN
/// takes more for large convolutions.
const WORKSPACE: usize = 256 << 20;

/// Bytes of shared memory that a kernel can have without asking for more. A kernel that asks takes
/// the same at every launch.
const SHARED_BY_DEFAULT: u32 = 48 << 10;

/// The libraries' handles.
#[derive(Debug)]
pub(super) struct Handles {
    pub(super) dnn: Owned<dnn_sys::cudnnHandle_t>,
    pub(super) lt: Owned<lt_sys::cublasLtHandle_t>,
}

/// An NVIDIA GPU: candle's device, its stream, and the libraries.
#[derive(Debug)]
pub(super) struct CudaGpu {
    device: CudaDevice,
    stream: Arc<CudaStream>,
    handles: Mutex<Handles>,
    workspace: CudaSlice<u8>,
    functions: Mutex<HashMap<&'static str, CudaFunction>>,
}

impl CudaGpu {
    pub(super) fn open(device: &CudaDevice) -> Result<Self> {
        let stream = device.cuda_stream();
        // SAFETY: everything of this device runs on one stream, in whose order memory is freed.
        unsafe { device.disable_event_tracking() };
        keep_freed_memory(&stream)?;
        let dnn = Owned::new(dnn::create_handle().map_err(Error::wrap)?, destroy_dnn);
        // SAFETY: both are alive; the stream is dropped after the handle.
        unsafe { dnn::set_stream(dnn.raw(), stream.cu_stream().cast()) }.map_err(Error::wrap)?;
        let lt = Owned::new(lt::create_handle().map_err(Error::wrap)?, destroy_lt);
        Ok(Self {
            device: device.clone(),
            handles: Mutex::new(Handles { dnn, lt }),
            // SAFETY: the libraries write their scratch memory before they read it.
            workspace: unsafe { device.alloc::<u8>(WORKSPACE) }?,
            functions: Mutex::default(),
            stream,
        })
    }

    pub(super) fn device(&self) -> &CudaDevice {
        &self.device
    }

    pub(super) fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    /// Returns the address and size of the libraries' scratch memory.
    pub(super) fn workspace(&self) -> (u64, usize) {
        (self.workspace.device_ptr(&self.stream).0, WORKSPACE)
    }

    /// Lends the libraries' handles.
    pub(super) fn handles(&self) -> MutexGuard<'_, Handles> {
        lock(&self.handles)
    }

    /// # Safety
    /// That of [`Gpu::launch`](super::Gpu::launch).
    pub(super) unsafe fn launch(&self, launch: &Launch, arguments: &[Argument]) -> Result<()> {
        let function = self.function(launch.kernel, launch.shared)?;
        let mut builder = self.stream.launch_builder(&function);
        for argument in arguments {
            match argument {
                Argument::Pointer(value) => builder.arg(value),
                Argument::Int(value) => builder.arg(value),
                Argument::Long(value) => builder.arg(value),
                Argument::Float(value) => builder.arg(value),
            };
        }
        let [x, y, z] = launch.grid;
        let config = LaunchConfig {
            grid_dim: (x, y, z),
            block_dim: (launch.block, 1, 1),
            shared_mem_bytes: launch.shared,
        };
        // SAFETY: the caller's promise.
        unsafe { builder.launch(config) }.map_err(Error::wrap)?;
        Ok(())
    }

    fn function(&self, kernel: &'static str, shared: u32) -> Result<CudaFunction> {
        let mut functions = lock(&self.functions);
        if let Some(function) = functions.get(kernel) {
            return Ok(function.clone());
        }
        let (module, ptx) = module_of(kernel)?;
        let function = self.device.get_or_load_custom_func(kernel, module, ptx)?;
        let function = function.into_cuda_function();
        if shared > SHARED_BY_DEFAULT {
            let attribute =
                sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            let set = function.set_attribute(attribute, shared as i32);
            set.map_err(Error::wrap)?;
        }
        functions.insert(kernel, function.clone());
        Ok(function)
    }
}

/// Returns the name and the PTX of the module that has a kernel.
fn module_of(kernel: &str) -> Result<(&'static str, &'static str)> {
    let modules = [
        ("facegen_attention", ptx::ATTENTION),
        ("facegen_group_norm", ptx::GROUP_NORM),
        ("facegen_layer_norm", ptx::LAYER_NORM),
        ("facegen_pointwise", ptx::POINTWISE),
        ("facegen_softmax", ptx::SOFTMAX),
        ("facegen_upsample_conv", ptx::UPSAMPLE_CONV),
    ];
    let entry = format!(".entry {kernel}(");
    let found = modules.into_iter().find(|(_, ptx)| ptx.contains(&entry));
    found.ok_or_else(|| Error::Msg(format!("no cuda kernel is called {kernel}")))
}

/// Has the driver keep freed memory for the next allocation. By default each synchronisation gives
/// all of it back. Fractions of a GPU can lack such pools: there nothing is kept.
fn keep_freed_memory(stream: &CudaStream) -> Result<()> {
    if !stream.context().has_async_alloc() {
        return Ok(());
    }
    let device = stream.context().cu_device();
    let attribute = sys::CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    let mut threshold = u64::MAX;
    // SAFETY: the device is open, and the attribute is a 64-bit number.
    unsafe {
        let pool = result::device::get_default_mem_pool(device).map_err(Error::wrap)?;
        sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut threshold).cast())
            .result()
            .map_err(Error::wrap)
    }
}

/// # Safety
/// The handle is alive and used no more.
unsafe fn destroy_dnn(handle: dnn_sys::cudnnHandle_t) {
    // SAFETY: the caller's promise. An error leaves nothing to be done.
    let _result = unsafe { dnn::destroy_handle(handle) };
}

/// # Safety
/// The handle is alive and used no more.
unsafe fn destroy_lt(handle: lt_sys::cublasLtHandle_t) {
    // SAFETY: the caller's promise. An error leaves nothing to be done.
    let _result = unsafe { lt::destroy_handle(handle) };
}
