#![expect(unsafe_code, reason = "calls cublasLt")]

use candle_core::cuda_backend::cudarc::cublaslt::result::CublasError;
use candle_core::cuda_backend::cudarc::cublaslt::{result as lt, sys};
use candle_core::{DType, Error};

use super::Result;
use super::device::CudaGpu;
use super::handles::Owned;

/// A product that was prepared once: its descriptors and the algorithm.
#[derive(Debug)]
pub(super) struct Plan {
    product: Owned<sys::cublasLtMatmulDesc_t>,
    weight: Owned<sys::cublasLtMatrixLayout_t>,
    input: Owned<sys::cublasLtMatrixLayout_t>,
    output: Owned<sys::cublasLtMatrixLayout_t>,
    algorithm: sys::cublasLtMatmulAlgo_t,
}

impl Plan {
    /// Prepares the product of `rows` rows with a weight `(outputs, inputs)`. cublasLt counts in
    /// columns, so it computes `(outputs, rows) = W · inputᵀ`, which is the same memory.
    pub(super) fn new(
        gpu: &CudaGpu,
        dtype: DType,
        [rows, inputs, outputs]: [usize; 3],
        bias: Option<u64>,
    ) -> Result<Self> {
        let dtype = match dtype {
            DType::BF16 => sys::cudaDataType_t::CUDA_R_16BF,
            _ => sys::cudaDataType_t::CUDA_R_16F,
        };
        let prepare = || -> Result<Self, CublasError> {
            let (weight, input, output) = (
                layout(dtype, inputs, outputs)?,
                layout(dtype, inputs, rows)?,
                layout(dtype, outputs, rows)?,
            );
            let product = product(bias)?;
            let algorithm = algorithm(gpu, &product, [&weight, &input, &output])?;
            Ok(Self {
                product,
                weight,
                input,
                output,
                algorithm,
            })
        };
        prepare().map_err(Error::wrap)
    }

    /// Launches it; `residual` is added.
    pub(super) fn run(
        &self,
        gpu: &CudaGpu,
        [weight, input, output]: [u64; 3],
        residual: Option<u64>,
    ) -> Result<()> {
        let (alpha, beta) = (1_f32, if residual.is_some() { 1_f32 } else { 0.0 });
        let (workspace, size) = gpu.workspace();
        // SAFETY: the layouts describe the memory that the pointers lead to, all of it on this
        // device and alive; the stream orders the use of the workspace.
        let launched = unsafe {
            lt::matmul(
                gpu.handles().lt.raw(),
                self.product.raw(),
                (&raw const alpha).cast(),
                (&raw const beta).cast(),
                weight as *const _,
                self.weight.raw(),
                input as *const _,
                self.input.raw(),
                residual.unwrap_or(output) as *const _,
                self.output.raw(),
                output as *mut _,
                self.output.raw(),
                &raw const self.algorithm,
                workspace as *mut _,
                size,
                gpu.stream().cu_stream().cast(),
            )
        };
        launched.map_err(Error::wrap)
    }
}

/// Describes a matrix of `columns` columns, one after the other.
fn layout(
    dtype: sys::cudaDataType_t,
    rows: usize,
    columns: usize,
) -> Result<Owned<sys::cublasLtMatrixLayout_t>, CublasError> {
    let raw = lt::create_matrix_layout(dtype, rows as u64, columns as u64, rows as i64)?;
    Ok(Owned::new(raw, destroy_layout))
}

/// Describes a product with the transposed weight and, if there is one, the bias.
fn product(bias: Option<u64>) -> Result<Owned<sys::cublasLtMatmulDesc_t>, CublasError> {
    use sys::cublasLtMatmulDescAttributes_t as Attribute;
    let raw = lt::create_matmul_desc(
        sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        sys::cudaDataType_t::CUDA_R_32F,
    )?;
    let product = Owned::new(raw, destroy_product);
    let transposed = 1_i32;
    // SAFETY: each value has the type and size of its attribute.
    unsafe {
        lt::set_matmul_desc_attribute(
            raw,
            Attribute::CUBLASLT_MATMUL_DESC_TRANSA,
            (&raw const transposed).cast(),
            size_of_val(&transposed),
        )?;
        if let Some(bias) = bias {
            let epilogue = sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS;
            lt::set_matmul_desc_attribute(
                raw,
                Attribute::CUBLASLT_MATMUL_DESC_EPILOGUE,
                (&raw const epilogue).cast(),
                size_of_val(&epilogue),
            )?;
            lt::set_matmul_desc_attribute(
                raw,
                Attribute::CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                (&raw const bias).cast(),
                size_of_val(&bias),
            )?;
        }
    }
    Ok(product)
}

/// Asks cublasLt for the algorithm that it expects to be the fastest, of those that keep parts of
/// sums in f32.
fn algorithm(
    gpu: &CudaGpu,
    product: &Owned<sys::cublasLtMatmulDesc_t>,
    [weight, input, output]: [&Owned<sys::cublasLtMatrixLayout_t>; 3],
) -> Result<sys::cublasLtMatmulAlgo_t, CublasError> {
    use sys::cublasLtMatmulPreferenceAttributes_t as Attribute;
    let schemes = sys::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE as u32;
    let preference = Owned::new(lt::create_matmul_pref()?, destroy_preference);
    let (_, size) = gpu.workspace();
    // SAFETY: each value has the type and size of its attribute; everything passed is alive.
    let found = unsafe {
        lt::set_matmul_pref_attribute(
            preference.raw(),
            Attribute::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
            (&raw const size).cast(),
            size_of_val(&size),
        )?;
        lt::set_matmul_pref_attribute(
            preference.raw(),
            Attribute::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            (&raw const schemes).cast(),
            size_of_val(&schemes),
        )?;
        lt::get_matmul_algo_heuristic(
            gpu.handles().lt.raw(),
            product.raw(),
            weight.raw(),
            input.raw(),
            output.raw(),
            output.raw(),
            preference.raw(),
        )?
    };
    Ok(found.algo)
}

/// # Safety
/// The layout is alive and used no more.
unsafe fn destroy_layout(layout: sys::cublasLtMatrixLayout_t) {
    // SAFETY: the caller's promise. An error leaves nothing to be done.
    let _result = unsafe { lt::destroy_matrix_layout(layout) };
}

/// # Safety
/// The description is alive and used no more.
unsafe fn destroy_product(product: sys::cublasLtMatmulDesc_t) {
    // SAFETY: the caller's promise. An error leaves nothing to be done.
    let _result = unsafe { lt::destroy_matmul_desc(product) };
}

/// # Safety
/// The preference is alive and used no more.
unsafe fn destroy_preference(preference: sys::cublasLtMatmulPreference_t) {
    // SAFETY: the caller's promise. An error leaves nothing to be done.
    let _result = unsafe { lt::destroy_matmul_pref(preference) };
}
