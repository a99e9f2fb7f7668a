// Compares attention and cross-attention with softmax(q kᵀ) v in f64.
//
// What is allowed: each probability and the result are rounded once, so that
// an element may be off by u (Σ p |v| + |result|), u half a unit in the last
// place; and exponents are off by f32's rounding of scores.
#include "../attention.cu"

#include <type_traits>

#include "check.hpp"

namespace {

using check::Case;
using check::Random;

template <typename T>
using Attention = void (*)(const T*, const T*, const T*, T*, long long, long long, int, int, int,
                           int, int, float, int);
template <typename T>
using CrossAttention = void (*)(const T*, const AttentionRow<T>*, T*, long long, int, int, int,
                                float);

// A (batch, tokens, heads * head_dim) view with gaps, which are NaN.
template <typename T>
struct View {
    std::vector<T> storage;
    int batch, tokens, width, row_stride;
    long long batch_stride;

    View(Random& random, int batch, int tokens, int width, int gap, double deviation)
        : batch(batch), tokens(tokens), width(width), row_stride(width + gap),
          batch_stride((long long)(tokens)*row_stride + gap) {
        storage = check::unwritten<T>(size_t(batch * batch_stride));
        for (int b = 0; b < batch; ++b)
            for (int token = 0; token < tokens; ++token)
                for (int i = 0; i < width; ++i)
                    storage[index(b, token, i)] = random.normal<T>(deviation);
    }

    size_t index(int b, int token, int i) const {
        return size_t(b * batch_stride + (long long)(token)*row_stride + i);
    }
    double at(int b, int token, int i) const { return to_float(storage[index(b, token, i)]); }
    void scale(int b, int token, double factor) {
        for (int i = 0; i < width; ++i)
            storage[index(b, token, i)] = from_float<T>(float(at(b, token, i) * factor));
    }
};

// One query's softmax(q kᵀ) v, and the magnitude that errors are measured by.
struct Row {
    std::vector<double> values, magnitudes;
    double largest_score = 0;
};

template <typename T>
Row attend_row(const View<T>& query, int batch, int token, const View<T>& key,
               const View<T>& value, int key_batch, int keys, int head, int head_dim) {
    std::vector<double> scores(static_cast<size_t>(keys));
    Row row{std::vector<double>(size_t(head_dim)), std::vector<double>(size_t(head_dim))};
    double maximum = -HUGE_VAL, sum = 0;
    for (int k = 0; k < keys; ++k) {
        double score = 0;
        for (int i = 0; i < head_dim; ++i)
            score += query.at(batch, token, head * head_dim + i) *
                     key.at(key_batch, k, head * head_dim + i);
        scores[size_t(k)] = score / std::sqrt(double(head_dim));
        maximum = std::max(maximum, scores[size_t(k)]);
        row.largest_score = std::max(row.largest_score, std::fabs(scores[size_t(k)]));
    }
    for (double& score : scores) sum += score = std::exp(score - maximum);
    for (int k = 0; k < keys; ++k)
        for (int i = 0; i < head_dim; ++i) {
            const double v = value.at(key_batch, k, head * head_dim + i);
            row.values[size_t(i)] += scores[size_t(k)] / sum * v;
            row.magnitudes[size_t(i)] += scores[size_t(k)] / sum * std::fabs(v);
        }
    return row;
}

template <typename T>
double allowed(double magnitude, double value, double largest_score) {
    const double scores = 2e-6 * (1 + largest_score) * magnitude;
    return check::rounding(T{}) * (magnitude + std::fabs(value)) + scores + 1e-6;
}

struct Shape {
    int batch, heads, queries, keys, head_dim;
    bool causal = false;
    int gap = 0;
    double sharpness = 1;  // standard deviation of the scores
    bool small = false;

    std::string text() const {
        char text[160];
        std::snprintf(text, sizeof text,
                      "batch %d heads %d queries %d keys %d head_dim %d causal %d gap %d "
                      "sharpness %g",
                      batch, heads, queries, keys, head_dim, causal, gap, sharpness);
        return text;
    }
};

struct Tile {
    int queries, shared_bytes;
};

template <typename I>
constexpr Tile tile_of() {
    return {I::QUERIES, I::SHARED_BYTES};
}

dim3 grid_of(const Tile& tile, int queries, int heads, int batch) {
    return dim3(unsigned((queries + tile.queries - 1) / tile.queries), unsigned(heads),
                unsigned(batch));
}

template <typename T>
double run_attention(Attention<T> kernel, const Tile& tile, const Shape& shape) {
    Random random(unsigned(shape.queries * 1000 + shape.keys));
    const int width = shape.heads * shape.head_dim;
    const auto view = [&](int tokens, double deviation) {
        return View<T>(random, shape.batch, tokens, width, shape.gap, deviation);
    };
    const View<T> query = view(shape.queries, shape.sharpness), value = view(shape.keys, 1);
    View<T> key = view(shape.keys, 1);
    // Later keys weigh more, so that maxima grow on the way.
    for (int b = 0; b < shape.batch; ++b)
        for (int k = 0; k < shape.keys; ++k) key.scale(b, k, 0.25 + double(k) / shape.keys);
    auto output = check::unwritten<T>(size_t(shape.batch * shape.queries * width));
    host::launch(grid_of(tile, shape.queries, shape.heads, shape.batch), dim3(THREADS),
                 size_t(tile.shared_bytes), [&] {
                     kernel(query.storage.data(), key.storage.data(), value.storage.data(),
                            output.data(), query.batch_stride, key.batch_stride, query.row_stride,
                            key.row_stride, shape.queries, shape.keys, shape.head_dim,
                            1.0f / std::sqrt(float(shape.head_dim)), shape.causal);
                 });
    double largest = 0;
    for (int b = 0; b < shape.batch; ++b)
        for (int t = 0; t < shape.queries; ++t)
            for (int head = 0; head < shape.heads; ++head) {
                const int keys = shape.causal ? std::min(shape.keys, t + 1) : shape.keys;
                const Row row =
                    attend_row(query, b, t, key, value, b, keys, head, shape.head_dim);
                for (int i = 0; i < shape.head_dim; ++i) {
                    const size_t at = size_t(i);
                    const size_t index =
                        size_t((b * shape.queries + t) * width + head * shape.head_dim + i);
                    check::compare(
                        largest, to_float(output[index]), row.values[at],
                        allowed<T>(row.magnitudes[at], row.values[at], row.largest_score));
                }
            }
    return largest;
}

// What one batch row of a cross-attention reads.
struct Tokens {
    int text, image;
    float image_scale;
};

struct CrossShape {
    int heads, queries, head_dim;
    std::vector<Tokens> rows;
    int gap = 0;
    double sharpness = 1;
    bool small = false;

    std::string text() const {
        std::string text = "heads " + std::to_string(heads) + " queries " +
                           std::to_string(queries) + " head_dim " + std::to_string(head_dim) +
                           " gap " + std::to_string(gap) + " rows";
        for (const Tokens& row : rows)
            text += " " + std::to_string(row.text) + "+" + std::to_string(row.image);
        return text;
    }
};

template <typename T>
struct CrossRow {
    View<T> key, value, image_key, image_value;

    CrossRow(Random& random, const Tokens& tokens, int width, int gap)
        : key(random, 1, tokens.text, width, gap, 1), value(random, 1, tokens.text, width, gap, 1),
          image_key(random, 1, tokens.image, width, 2 * gap, 1),
          image_value(random, 1, tokens.image, width, 2 * gap, 1) {}

    AttentionRow<T> table_row(const Tokens& tokens) const {
        const bool image = tokens.image > 0;
        return {key.storage.data(),
                value.storage.data(),
                image ? image_key.storage.data() : nullptr,
                image ? image_value.storage.data() : nullptr,
                key.row_stride,
                image_key.row_stride,
                tokens.text,
                tokens.image,
                tokens.image_scale,
                0};
    }
};

// The text's attention plus the scaled attention of the image.
template <typename T>
Row attend_cross_row(const View<T>& query, int batch, int token, const CrossRow<T>& keys,
                     const Tokens& tokens, int head, int head_dim) {
    Row row =
        attend_row(query, batch, token, keys.key, keys.value, 0, tokens.text, head, head_dim);
    if (tokens.image == 0) return row;
    const Row image = attend_row(query, batch, token, keys.image_key, keys.image_value, 0,
                                 tokens.image, head, head_dim);
    for (size_t i = 0; i < size_t(head_dim); ++i) {
        row.values[i] += tokens.image_scale * image.values[i];
        row.magnitudes[i] += std::fabs(tokens.image_scale) * image.magnitudes[i];
    }
    row.largest_score = std::max(row.largest_score, image.largest_score);
    return row;
}

template <typename T>
double run_cross_attention(CrossAttention<T> kernel, const Tile& tile, const CrossShape& shape) {
    Random random(unsigned(shape.queries * 1000 + shape.rows[0].text));
    const int width = shape.heads * shape.head_dim, batch = int(shape.rows.size());
    const View<T> query(random, batch, shape.queries, width, shape.gap, shape.sharpness);
    std::vector<CrossRow<T>> rows;
    std::vector<AttentionRow<T>> table;
    for (const Tokens& tokens : shape.rows)
        rows.emplace_back(random, tokens, width, shape.gap);
    for (size_t i = 0; i < rows.size(); ++i) table.push_back(rows[i].table_row(shape.rows[i]));
    auto output = check::unwritten<T>(size_t(batch * shape.queries * width));
    host::launch(grid_of(tile, shape.queries, shape.heads, batch), dim3(THREADS),
                 size_t(tile.shared_bytes), [&] {
                     kernel(query.storage.data(), table.data(), output.data(), query.batch_stride,
                            query.row_stride, shape.queries, shape.head_dim,
                            1.0f / std::sqrt(float(shape.head_dim)));
                 });
    double largest = 0;
    for (int b = 0; b < batch; ++b)
        for (int t = 0; t < shape.queries; ++t)
            for (int head = 0; head < shape.heads; ++head) {
                const Row row = attend_cross_row(query, b, t, rows[size_t(b)],
                                                 shape.rows[size_t(b)], head, shape.head_dim);
                for (int i = 0; i < shape.head_dim; ++i) {
                    const size_t at = size_t(i);
                    const size_t index =
                        size_t((b * shape.queries + t) * width + head * shape.head_dim + i);
                    check::compare(
                        largest, to_float(output[index]), row.values[at],
                        allowed<T>(row.magnitudes[at], row.values[at], row.largest_score));
                }
            }
    return largest;
}

// Shapes of an instance for head dimensions `least` to `most`.
std::vector<Shape> shapes(int least, int most) {
    std::vector<Shape> shapes = {
        {1, 1, 1, 1, most, false, 0, 1, true},   {1, 1, 1, 40, most, false, 8, 4, true},
        {1, 1, 70, 70, least, true, 0, 2, true}, {1, 1, 33, 97, most, false, 0, 8, true},
        {2, 2, 64, 64, most},                    {1, 2, 77, 77, most, true},
        {1, 1, 64, 257, most},                   {1, 2, 96, 96, most},
        {3, 1, 17, 154, most, false, 40},        {2, 3, 5, 5, most, true, 24},
        {1, 1, 150, 231, most, false, 16, 3},    {1, 1, 130, 66, least, true, 8},
        {2, 1, 20, 300, most, false, 8, 12},     {1, 2, 40, 129, least, false, 2 * most, 6},
    };
    // Around the edges of tiles.
    for (int keys : {2, 7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 95, 127, 128, 129})
        shapes.push_back({1, 1, 1 + keys % 9, keys, keys % 2 ? most : least, false, 8, 2});
    for (int queries : {2, 8, 9, 15, 16, 17, 31, 32, 48, 63, 65, 127, 128, 129})
        shapes.push_back({1, 1, queries, 20, queries % 2 ? most : least, queries % 3 == 0, 0, 2});
    return shapes;
}

std::vector<CrossShape> cross_shapes(int least, int most) {
    std::vector<CrossShape> shapes = {
        {1, 1, most, {{1, 1, 1.0f}}, 0, 1, true},
        {1, 70, least, {{77, 4, 0.6f}, {3, 0, 1.0f}}, 8, 2, true},
        {1, 3, most, {{33, 40, 0.5f}}, 8, 3, true},
        {2, 64, most, {{77, 4, 0.6f}, {154, 4, 1.0f}}},
        {1, 96, most, {{154, 4, 0.8f}}},
        {1, 16, most, {{231, 16, 0.7f}, {77, 0, 0.7f}, {154, 4, 0.0f}, {77, 4, 1.5f}}, 16},
        {1, 20, most, {{77, 64, 1.0f}, {77, 33, 1.0f}, {77, 32, 1.0f}, {77, 31, 1.0f}}, 8, 4},
        {1, 130, least, {{65, 5, 0.4f}}, 8},
        {1, 9, most, {{0, 4, 0.5f}, {0, 0, 1.0f}, {5, 0, 1.0f}}, 8},
    };
    for (int text : {2, 16, 31, 32, 33, 64, 65, 96, 97, 128, 129, 154, 160, 161, 231})
        shapes.push_back({1, 1 + text % 20, text % 2 ? most : least, {{text, 4, 0.6f}}, 8, 3});
    for (int image : {2, 3, 8, 15, 16, 17, 24, 31, 32, 33, 48, 57, 63, 64})
        shapes.push_back({1, 9, image % 2 ? most : least, {{20, image, 0.9f}}, 16, 4});
    for (int queries : {15, 16, 17, 63, 65, 128})
        shapes.push_back({1, queries, most, {{10, 0, 1.0f}, {40, 4, -0.5f}}, 0, 1});
    return shapes;
}

template <typename T>
void add_cases(std::vector<Case>& cases, const Tile& tile, int least, int most,
               Attention<T> attention, CrossAttention<T> cross_attention) {
    // Barriers are the same for both types.
    const bool small = std::is_same_v<T, __half>;
    const std::string end =
        std::string("attention_") + check::type_name(T{}) + "_" + std::to_string(most);
    for (const Shape& shape : shapes(least, most))
        cases.push_back({end, shape.text(), small && shape.small,
                         [=] { return run_attention<T>(attention, tile, shape); }});
    for (const CrossShape& shape : cross_shapes(least, most))
        cases.push_back({"cross_" + end, shape.text(), small && shape.small,
                         [=] { return run_cross_attention<T>(cross_attention, tile, shape); }});
}

}  // namespace

int main(int count, char** words) {
    std::vector<Case> cases;
#define ADD(D, LEAST)                                                                           \
    add_cases<__half>(cases, tile_of<Instance##D>(), LEAST, D, attention_f16_##D,               \
                      cross_attention_f16_##D);                                                 \
    add_cases<__nv_bfloat16>(cases, tile_of<Instance##D>(), LEAST, D, attention_bf16_##D,       \
                             cross_attention_bf16_##D);
    ADD(40, 24)
    ADD(64, 56)
    ADD(80, 72)
    ADD(160, 104)
    return check::run(count, words, cases);
}
