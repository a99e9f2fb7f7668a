// cuBLAS, cuBLASLt, cuDNN and cuRAND on the host: they check, count and, where
// the driver computes, compute what facegen and candle call.
#include <cstring>

#include "memory.hpp"
#include "record.hpp"
#include "values.hpp"

namespace driver {

namespace {

enum Status : int { OK = 0, INVALID = 3, UNSUPPORTED = 15 };

// What all convolutions ask for: as with cuDNN, more than nothing.
constexpr size_t WORKSPACE = 1 << 20;

template <typename T>
Status create(T** created, const char* kind) {
    Lock lock(mutex);
    record.created(kind);
    *created = new T();
    return OK;
}

template <typename T>
Status destroy(T* handle, const char* kind) {
    Lock lock(mutex);
    record.destroyed(kind);
    delete handle;
    return OK;
}

struct Library {
    const void* stream = nullptr;
};

struct Description {
    bool transposes[2] = {};
    int epilogue = 1;
    const void* bias = nullptr;
};

struct Preference {
    size_t workspace = 0;
};

Status invalid(const std::string& what) {
    record.fault(what);
    return INVALID;
}

// Checks the operands, and counts the call.
bool counts(const char* name, const void* stream, std::initializer_list<Memory::Operand> operands) {
    size_t bytes = 0;
    if (!memory.operands(name, place_of(stream), operands, bytes)) return false;
    record.count("library", name, bytes);
    return true;
}

bool fits(const Product& product, const Matrix& left, const Matrix& right, const Matrix& result) {
    const uint64_t rows = product.transposes_left ? left.columns : left.rows;
    const uint64_t inner = product.transposes_left ? left.rows : left.columns;
    const uint64_t other = product.transposes_right ? right.columns : right.rows;
    const uint64_t columns = product.transposes_right ? right.rows : right.columns;
    return rows == result.rows && columns == result.columns && inner == other;
}

bool fits(const Convolution& conv, const Image& input, const Image& filter, const Image& output) {
    for (int i = 0; i < 2; ++i) {
        const int span = conv.dilation[i] * (filter.sizes[2 + i] - 1) + 1;
        const int size = (input.sizes[2 + i] + 2 * conv.padding[i] - span) / conv.stride[i] + 1;
        if (size != output.sizes[2 + i]) return false;
    }
    return input.sizes[0] == output.sizes[0] && input.sizes[1] == filter.sizes[1] &&
           filter.sizes[0] == output.sizes[1];
}

// Of one column after the other in memory, as many matrices as there are.
struct Batched {
    Matrix matrix;
    char* values;
    int64_t step;  // from matrix to matrix, in elements

    void* at(int number) const {
        return values + int64_t(number) * step * int64_t(size_of(matrix.type));
    }
    Memory::Operand operand(int count) const {
        const size_t others = size_t(count - 1) * size_t(step) * size_of(matrix.type);
        return {values, others + matrix.bytes()};
    }
};

float number(const void* value) { return *static_cast<const float*>(value); }

}  // namespace
}  // namespace driver

using namespace driver;

extern "C" {

// ---------------------------------------------------------------------------
// cuBLAS

int cublasCreate_v2(Library** library) { return create(library, "cublas"); }
int cublasDestroy_v2(Library* library) { return destroy(library, "cublas"); }
int cublasSetStream_v2(Library* library, const void* stream) {
    library->stream = stream;
    return OK;
}

int cublasGemmStridedBatchedEx(Library* library, int left_operation, int right_operation, int m,
                               int n, int k, const void* alpha, void* a, int a_type, int lda,
                               long long a_step, void* b, int b_type, int ldb, long long b_step,
                               const void* beta, void* c, int c_type, int ldc, long long c_step,
                               int count, int, int) {
    Lock lock(mutex);
    const auto matrix = [](int type, bool transposed, int rows, int columns, int pitch) {
        const int shape[2] = {transposed ? columns : rows, transposed ? rows : columns};
        return Matrix{cuda_type(type), uint64_t(shape[0]), uint64_t(shape[1]), pitch};
    };
    const Product product = {left_operation != 0, right_operation != 0, number(alpha), number(beta),
                             nullptr};
    const Batched left = {matrix(a_type, left_operation != 0, m, k, lda), static_cast<char*>(a),
                          a_step};
    const Batched right = {matrix(b_type, right_operation != 0, k, n, ldb), static_cast<char*>(b),
                           b_step};
    const Batched result = {matrix(c_type, false, m, n, ldc), static_cast<char*>(c), c_step};
    if (!counts("cublasGemmStridedBatchedEx", library->stream,
                {left.operand(count), right.operand(count), result.operand(count)}))
        return INVALID;
    for (int i = 0; i < count && computes(); ++i)
        multiply(product, left.matrix, left.at(i), right.matrix, right.at(i), result.at(i),
                 result.matrix, result.at(i));
    return OK;
}

// ---------------------------------------------------------------------------
// cuBLASLt

int cublasLtCreate(Library** library) { return create(library, "cublaslt"); }
int cublasLtDestroy(Library* library) { return destroy(library, "cublaslt"); }

int cublasLtMatrixLayoutCreate(Matrix** layout, int type, uint64_t rows, uint64_t columns,
                               int64_t pitch) {
    const int status = create(layout, "cublaslt layout");
    **layout = {cuda_type(type), rows, columns, pitch};
    return status;
}
int cublasLtMatrixLayoutDestroy(Matrix* layout) { return destroy(layout, "cublaslt layout"); }

int cublasLtMatmulDescCreate(Description** description, int, int) {
    return create(description, "cublaslt description");
}
int cublasLtMatmulDescDestroy(Description* description) {
    return destroy(description, "cublaslt description");
}

int cublasLtMatmulDescSetAttribute(Description* description, int attribute, const void* value,
                                   size_t bytes) {
    enum { TRANSA = 3, TRANSB = 4, EPILOGUE = 7, BIAS_POINTER = 8 };
    Lock lock(mutex);
    int number = 0;
    if (bytes == sizeof number) std::memcpy(&number, value, sizeof number);
    switch (attribute) {
        case TRANSA:
        case TRANSB: description->transposes[attribute - TRANSA] = number != 0; return OK;
        case EPILOGUE: description->epilogue = number; return OK;
        case BIAS_POINTER:
            if (bytes != sizeof description->bias) return invalid("a bias pointer of another size");
            std::memcpy(&description->bias, value, bytes);
            return OK;
        default: return invalid("cublasLt attribute " + std::to_string(attribute));
    }
}

int cublasLtMatmulPreferenceCreate(Preference** preference) {
    return create(preference, "cublaslt preference");
}
int cublasLtMatmulPreferenceDestroy(Preference* preference) {
    return destroy(preference, "cublaslt preference");
}

int cublasLtMatmulPreferenceSetAttribute(Preference* preference, int attribute, const void* value,
                                         size_t bytes) {
    constexpr int MAX_WORKSPACE_BYTES = 1;
    constexpr int REDUCTION_SCHEMES = 3;
    // Parts of sums in the type that is computed in. Here no sum has parts.
    constexpr uint32_t COMPUTE_TYPE = 2;
    Lock lock(mutex);
    if (attribute == REDUCTION_SCHEMES && bytes == sizeof COMPUTE_TYPE &&
        std::memcmp(value, &COMPUTE_TYPE, bytes) == 0)
        return OK;
    if (attribute != MAX_WORKSPACE_BYTES || bytes != sizeof preference->workspace)
        return invalid("cublasLt preference " + std::to_string(attribute));
    std::memcpy(&preference->workspace, value, bytes);
    return OK;
}

struct Heuristic {
    uint64_t algorithm[8];
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

int cublasLtMatmulAlgoGetHeuristic(Library*, const Description* description, const Matrix* left,
                                   const Matrix* right, const Matrix*, const Matrix* result,
                                   const Preference* preference, int, Heuristic* found,
                                   int* count) {
    Lock lock(mutex);
    const Product product = {description->transposes[0], description->transposes[1], 1, 0, nullptr};
    if (!fits(product, *left, *right, *result)) return invalid("a product of these sizes");
    std::memset(found, 0, sizeof *found);
    found->workspace = preference->workspace;
    *count = 1;
    return OK;
}

int cublasLtMatmul(Library*, const Description* description, const void* alpha, const void* a,
                   const Matrix* left, const void* b, const Matrix* right, const void* beta,
                   const void* c, const Matrix*, void* d, const Matrix* result,
                   const Heuristic* algorithm, const void* workspace, size_t workspace_bytes,
                   const void* stream) {
    constexpr int WITH_BIAS = 4;
    Lock lock(mutex);
    const void* bias = description->epilogue == WITH_BIAS ? description->bias : nullptr;
    const Product product = {description->transposes[0], description->transposes[1], number(alpha),
                             number(beta), bias};
    const size_t bias_bytes = bias ? result->rows * size_of(result->type) : 0;
    const void* added = product.beta != 0 ? c : nullptr;
    if (!algorithm || !fits(product, *left, *right, *result))
        return invalid("cublasLtMatmul of these sizes");
    if (memory.available(reinterpret_cast<Address>(workspace)) < workspace_bytes)
        return invalid("cublasLtMatmul: workspace");
    if (!counts("cublasLtMatmul", stream,
                {{a, left->bytes()}, {b, right->bytes()}, {bias, bias_bytes},
                 {added, added ? result->bytes() : 0}, {d, result->bytes()}}))
        return INVALID;
    if (computes()) multiply(product, *left, a, *right, b, added, *result, d);
    return OK;
}

// ---------------------------------------------------------------------------
// cuDNN

int cudnnCreate(Library** library) { return create(library, "cudnn"); }
int cudnnDestroy(Library* library) { return destroy(library, "cudnn"); }
int cudnnSetStream(Library* library, const void* stream) {
    library->stream = stream;
    return OK;
}

const char* cudnnGetErrorString(int status) { return status == OK ? "success" : "an error"; }

int cudnnCreateTensorDescriptor(Image** image) { return create(image, "cudnn tensor"); }
int cudnnDestroyTensorDescriptor(Image* image) { return destroy(image, "cudnn tensor"); }
int cudnnCreateFilterDescriptor(Image** filter) { return create(filter, "cudnn filter"); }
int cudnnDestroyFilterDescriptor(Image* filter) { return destroy(filter, "cudnn filter"); }
int cudnnCreateConvolutionDescriptor(Convolution** conv) {
    return create(conv, "cudnn convolution");
}
int cudnnDestroyConvolutionDescriptor(Convolution* conv) {
    return destroy(conv, "cudnn convolution");
}
int cudnnCreateActivationDescriptor(Description** activation) {
    return create(activation, "cudnn activation");
}
int cudnnDestroyActivationDescriptor(Description* activation) {
    return destroy(activation, "cudnn activation");
}

int cudnnSetTensor4dDescriptor(Image* image, int format, int type, int n, int c, int h, int w) {
    constexpr int NHWC = 1;
    *image = {cudnn_type(type), {n, c, h, w}, {}};
    image->pack(format == NHWC);
    return OK;
}

int cudnnSetTensor4dDescriptorEx(Image* image, int type, int n, int c, int h, int w, int n_stride,
                                 int c_stride, int h_stride, int w_stride) {
    *image = {cudnn_type(type), {n, c, h, w}, {n_stride, c_stride, h_stride, w_stride}};
    return OK;
}

int cudnnSetFilter4dDescriptor(Image* filter, int type, int format, int k, int c, int h, int w) {
    return cudnnSetTensor4dDescriptor(filter, format, type, k, c, h, w);
}

int cudnnSetConvolution2dDescriptor(Convolution* conv, int pad_h, int pad_w, int u, int v,
                                    int dilation_h, int dilation_w, int, int) {
    *conv = {{pad_h, pad_w}, {u, v}, {dilation_h, dilation_w}};
    return OK;
}

int cudnnSetConvolutionMathType(Convolution*, int) { return OK; }
int cudnnSetActivationDescriptor(Description*, int, int, double) { return OK; }

struct Performance {
    int algorithm, status;
    float time;
    size_t memory;
    int determinism, math;
    int reserved[3];
};

int cudnnGetConvolutionForwardAlgorithm_v7(Library*, const Image*, const Image*, const Convolution*,
                                           const Image*, int, int* count, Performance* found) {
    *count = 1;
    *found = {};
    found->algorithm = 1;
    found->memory = WORKSPACE;
    return OK;
}

int cudnnGetConvolutionForwardWorkspaceSize(Library*, const Image* input, const Image* filter,
                                            const Convolution* conv, const Image* output, int,
                                            size_t* bytes) {
    Lock lock(mutex);
    if (!fits(*conv, *input, *filter, *output)) return invalid("a convolution of these sizes");
    *bytes = WORKSPACE;
    return OK;
}

int cudnnConvolutionForward(Library* library, const void*, const Image* input, const void* x,
                            const Image* filter, const void* w, const Convolution* conv, int,
                            const void* workspace, size_t workspace_bytes, const void*,
                            const Image* output, void* y) {
    Lock lock(mutex);
    if (!fits(*conv, *input, *filter, *output) || workspace_bytes < WORKSPACE ||
        memory.available(reinterpret_cast<Address>(workspace)) < workspace_bytes)
        return invalid("cudnnConvolutionForward: sizes or workspace");
    if (!counts("cudnnConvolutionForward", library->stream,
                {{x, input->bytes()}, {w, filter->bytes()}, {y, output->bytes()}}))
        return INVALID;
    if (computes()) convolve(*conv, *input, x, *filter, w, {}, *output, y);
    return OK;
}

int cudnnConvolutionBiasActivationForward(Library* library, const void*, const Image* input,
                                          const void* x, const Image* filter, const void* w,
                                          const Convolution* conv, int, const void* workspace,
                                          size_t workspace_bytes, const void* scale,
                                          const Image* like, const void* z, const Image* of_bias,
                                          const void* bias, const Description*, const Image* output,
                                          void* y) {
    Lock lock(mutex);
    if (!fits(*conv, *input, *filter, *output) || workspace_bytes < WORKSPACE ||
        memory.available(reinterpret_cast<Address>(workspace)) < workspace_bytes ||
        std::memcmp(like, output, sizeof *like) != 0 || of_bias->sizes[1] != output->sizes[1])
        return invalid("cudnnConvolutionBiasActivationForward: sizes or workspace");
    const Added added = {number(scale), z, bias};
    const void* read = added.scale != 0 ? z : nullptr;
    if (!counts("cudnnConvolutionBiasActivationForward", library->stream,
                {{x, input->bytes()}, {w, filter->bytes()}, {bias, of_bias->bytes()},
                 {read, read ? output->bytes() : 0}, {y, output->bytes()}}))
        return INVALID;
    if (computes()) convolve(*conv, *input, x, *filter, w, added, *output, y);
    return OK;
}

// ---------------------------------------------------------------------------
// cuRAND, which candle opens and facegen has no numbers of

int curandCreateGenerator(Library** generator, int) { return create(generator, "curand"); }
int curandDestroyGenerator(Library* generator) { return destroy(generator, "curand"); }
int curandSetStream(Library*, const void*) { return OK; }
int curandSetPseudoRandomGeneratorSeed(Library*, unsigned long long) { return OK; }

}  // extern "C"
