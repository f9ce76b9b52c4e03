// The three kernels of the page's GPT, four numbers at a time (WebAssembly SIMD); no library.
//
// kernels.js has the same three in plain JavaScript, which is the version to read first.
// tests/page/compiler.py builds kernels.wasm, and a test compares it with the committed one.
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(name)))
typedef v128_t four;  // four floats side by side

enum { HEAP = 32 << 20, DEPTH = 256, WIDTH = 8 };

// All arrays of the model live in here. A fixed size, because growing a memory detaches every
// Float32Array that looks into it.
static float heap[HEAP] __attribute__((aligned(64)));
// WIDTH columns of B, row by row: what the inner loop reads, it reads one after the other. Longer
// sums are made of sums of DEPTH products, which also keeps their rounding small.
static float panel[DEPTH * WIDTH] __attribute__((aligned(64)));

EXPORT("heap_start") float *heap_start(void) { return heap; }
EXPORT("heap_size") int heap_size(void) { return HEAP; }

static inline four all(float x) { return wasm_f32x4_splat(x); }
static inline four at(const float *x) { return wasm_v128_load(x); }
static inline four plus(four a, four b) { return wasm_f32x4_add(a, b); }
static inline four times(four a, four b) { return wasm_f32x4_mul(a, b); }
static inline float total(four x) {
  return (wasm_f32x4_extract_lane(x, 0) + wasm_f32x4_extract_lane(x, 1))
       + (wasm_f32x4_extract_lane(x, 2) + wasm_f32x4_extract_lane(x, 3));
}

// c[0..width] = scale * (left, right), or that added to what is there.
static inline void put(float *c, four left, four right, float scale, int add, int width) {
  left = times(left, all(scale));
  right = times(right, all(scale));
  if (width == WIDTH) {
    wasm_v128_store(c, add ? plus(at(c), left) : left);
    wasm_v128_store(c + 4, add ? plus(at(c + 4), right) : right);
    return;
  }
  float row[WIDTH];
  wasm_v128_store(row, left);
  wasm_v128_store(row + 4, right);
  for (int j = 0; j < width; j++) c[j] = add ? c[j] + row[j] : row[j];
}

// One row times the transpose of a matrix, both along k in memory: n dot products, four at a time
// while k is whole eights. A model that writes has one row, and copying the weights to the panel
// would cost more than the product.
static void dots(float *c, const float *a, const float *b, int b_column, int n, int k,
                 float scale, int add) {
  int j = 0;
  for (; k % 8 == 0 && j + 4 <= n; j += 4, b += 4 * b_column) {
    const float *b1 = b + b_column, *b2 = b1 + b_column, *b3 = b2 + b_column;
    four l0 = all(0), r0 = l0, l1 = l0, r1 = l0, l2 = l0, r2 = l0, l3 = l0, r3 = l0;
    for (int p = 0; p < k; p += 8) {
      four left = at(a + p), right = at(a + p + 4);
      l0 = plus(l0, times(left, at(b + p)));  r0 = plus(r0, times(right, at(b + p + 4)));
      l1 = plus(l1, times(left, at(b1 + p))); r1 = plus(r1, times(right, at(b1 + p + 4)));
      l2 = plus(l2, times(left, at(b2 + p))); r2 = plus(r2, times(right, at(b2 + p + 4)));
      l3 = plus(l3, times(left, at(b3 + p))); r3 = plus(r3, times(right, at(b3 + p + 4)));
    }
    four sums = wasm_f32x4_make(total(plus(l0, r0)), total(plus(l1, r1)), total(plus(l2, r2)),
                                total(plus(l3, r3)));
    sums = times(sums, all(scale));
    wasm_v128_store(c + j, add ? plus(at(c + j), sums) : sums);
  }
  for (; j < n; j++, b += b_column) {
    four sums = all(0), others = all(0);
    int p = 0;
    for (; p + 8 <= k; p += 8) {
      sums = plus(sums, times(at(a + p), at(b + p)));
      others = plus(others, times(at(a + p + 4), at(b + p + 4)));
    }
    float sum = total(plus(sums, others));
    for (; p < k; p++) sum += a[p] * b[p];
    c[j] = (add ? c[j] : 0) + scale * sum;
  }
}

// The WIDTH columns of B from column j on, of which `width` exist, into the panel.
static void pack(const float *b, int b_row, int b_column, int width, int k) {
  if (width == WIDTH && b_column == 1) {
    for (int p = 0; p < k; p++) {
      wasm_v128_store(panel + WIDTH * p, at(b + p * b_row));
      wasm_v128_store(panel + WIDTH * p + 4, at(b + p * b_row + 4));
    }
    return;
  }
  int from = 0;
  if (width == WIDTH && b_row == 1) {  // a transpose, such as W^T: by squares of four by four
    for (; from + 4 <= k; from += 4) {
      for (int j = 0; j < WIDTH; j += 4) {
        const float *x = b + from + j * b_column;
        float *to = panel + WIDTH * from + j;
        four x0 = at(x), x1 = at(x + b_column), x2 = at(x + 2 * b_column),
             x3 = at(x + 3 * b_column);
        // pairs of each row, then the pairs of two rows side by side
        four p = wasm_i32x4_shuffle(x0, x1, 0, 4, 1, 5), q = wasm_i32x4_shuffle(x2, x3, 0, 4, 1, 5),
             r = wasm_i32x4_shuffle(x0, x1, 2, 6, 3, 7), s = wasm_i32x4_shuffle(x2, x3, 2, 6, 3, 7);
        wasm_v128_store(to, wasm_i64x2_shuffle(p, q, 0, 2));
        wasm_v128_store(to + WIDTH, wasm_i64x2_shuffle(p, q, 1, 3));
        wasm_v128_store(to + 2 * WIDTH, wasm_i64x2_shuffle(r, s, 0, 2));
        wasm_v128_store(to + 3 * WIDTH, wasm_i64x2_shuffle(r, s, 1, 3));
      }
    }
  }
  for (int j = 0; j < WIDTH; j++)
    for (int p = from; p < k; p++)
      panel[WIDTH * p + j] = j < width ? b[p * b_row + j * b_column] : 0;
}

// C (m, n) = scale A (m, k) B (k, n), or that added to C. A and B may have any steps from row to
// row and from column to column, so that a transpose or one head's columns cost no copy.
EXPORT("gemm")
void gemm(float *c, int c_row, const float *a, int a_row, int a_column, const float *b, int b_row,
          int b_column, int m, int n, int k, float scale, int add) {
  if (m == 1 && a_column == 1 && b_row == 1) {
    dots(c, a, b, b_column, n, k, scale, add);
    return;
  }
  for (int from = 0; from < k; from += DEPTH, add = 1) {
    int depth = k - from < DEPTH ? k - from : DEPTH;
    for (int j = 0; j < n; j += WIDTH) {
      int width = n - j < WIDTH ? n - j : WIDTH;
      pack(b + from * b_row + j * b_column, b_row, b_column, width, depth);
      int i = 0;
      for (; i + 4 <= m; i += 4) {  // four rows at once: the panel is read once for all
        const float *a0 = a + i * a_row + from * a_column, *a1 = a0 + a_row, *a2 = a1 + a_row,
                    *a3 = a2 + a_row, *b_at = panel;
        four l0 = all(0), r0 = l0, l1 = l0, r1 = l0, l2 = l0, r2 = l0, l3 = l0, r3 = l0;
        for (int p = 0, step = 0; p < depth; p++, step += a_column, b_at += WIDTH) {
          four left = at(b_at), right = at(b_at + 4), x;
          x = wasm_v128_load32_splat(a0 + step);
          l0 = plus(l0, times(x, left)); r0 = plus(r0, times(x, right));
          x = wasm_v128_load32_splat(a1 + step);
          l1 = plus(l1, times(x, left)); r1 = plus(r1, times(x, right));
          x = wasm_v128_load32_splat(a2 + step);
          l2 = plus(l2, times(x, left)); r2 = plus(r2, times(x, right));
          x = wasm_v128_load32_splat(a3 + step);
          l3 = plus(l3, times(x, left)); r3 = plus(r3, times(x, right));
        }
        float *c_at = c + i * c_row + j;
        put(c_at, l0, r0, scale, add, width);
        put(c_at + c_row, l1, r1, scale, add, width);
        put(c_at + 2 * c_row, l2, r2, scale, add, width);
        put(c_at + 3 * c_row, l3, r3, scale, add, width);
      }
      for (; i < m; i++) {
        const float *a_at = a + i * a_row + from * a_column, *b_at = panel;
        four left = all(0), right = all(0);
        for (int p = 0; p < depth; p++, a_at += a_column, b_at += WIDTH) {
          four x = wasm_v128_load32_splat(a_at);
          left = plus(left, times(x, at(b_at)));
          right = plus(right, times(x, at(b_at + 4)));
        }
        put(c + i * c_row + j, left, right, scale, add, width);
      }
    }
  }
}

// e^x = 2^n e^r with |r| <= ln(2) / 2, where the series up to r^7 / 7! is exact in float32.
static inline four exponential(four x) {
  x = wasm_f32x4_max(wasm_f32x4_min(x, all(88.0f)), all(-87.0f));
  four n = wasm_f32x4_nearest(times(x, all(1.44269504f)));
  // ln(2) in two parts, the first of few bits: n times it is exact
  four r = wasm_f32x4_sub(x, times(n, all(0.693359375f)));
  r = wasm_f32x4_sub(r, times(n, all(-2.12194440e-4f)));
  four y = all(1.0f / 5040);
  y = plus(times(y, r), all(1.0f / 720));
  y = plus(times(y, r), all(1.0f / 120));
  y = plus(times(y, r), all(1.0f / 24));
  y = plus(times(y, r), all(1.0f / 6));
  y = plus(times(y, r), all(0.5f));
  y = plus(times(plus(times(y, r), all(1.0f)), r), all(1.0f));
  four power = wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127));
  return times(y, wasm_i32x4_shl(power, 23));
}

// y = gelu(x) and, if asked for, its slope there. `count` is rounded up to a multiple of four,
// for which every array of the heap has room.
EXPORT("gelu")
void gelu(float *y, float *slope, const float *x, int count) {
  const float c = 0.7978845608f, a = 0.044715f;  // sqrt(2 / pi)
  for (int i = 0; i < count; i += 4) {
    four v = at(x + i), square = times(v, v);
    four z = times(v, plus(times(square, all(2 * c * a)), all(2 * c)));
    four e = exponential(wasm_f32x4_neg(z)), gate = wasm_f32x4_div(all(1), plus(all(1), e));
    four out = times(v, gate);
    wasm_v128_store(y + i, out);
    if (slope) {
      four inner = plus(times(square, all(6 * c * a)), all(2 * c));
      four rest = times(times(out, times(e, gate)), inner);  // e g is 1 - g, not rounded off
      wasm_v128_store(slope + i, plus(gate, rest));
    }
  }
}

// Softmax in place of each row's first `first + row % period` numbers; the others become 0.
EXPORT("softmax")
void softmax(float *x, int rows, int width, int first, int period) {
  for (int row = 0; row < rows; row++, x += width) {
    int seen = first + row % period, i;
    float largest = x[0], sum = 0;
    for (i = 1; i < seen; i++) largest = x[i] > largest ? x[i] : largest;
    four sums = all(0);
    for (i = 0; i + 4 <= seen; i += 4) {
      four e = exponential(wasm_f32x4_sub(at(x + i), all(largest)));
      wasm_v128_store(x + i, e);
      sums = plus(sums, e);
    }
    sum = total(sums);
    for (; i < seen; i++) {
      x[i] = wasm_f32x4_extract_lane(exponential(all(x[i] - largest)), 0);
      sum += x[i];
    }
    for (i = 0; i < seen; i++) x[i] /= sum;
    for (; i < width; i++) x[i] = 0;
  }
}
