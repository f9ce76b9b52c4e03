// Memory, matrices and the three kernels on which all time is spent: product, GELU, softmax.
//
// Every file of this folder is one part: a function from what it needs (the names in its braces)
// to what it gives. So a page can make a worker's source from the parts themselves, without
// fetching a file: a page that was opened from the disk may fetch none. Names and their order are
// those of the course's Python library, also where JavaScript would spell them in another way.
'use strict';

var lab_parts = {};

lab_parts.kernels = ({ wasm }) => {
  // Two implementations with one interface: `wasm`, the bytes of kernels.wasm, is five to ten
  // times as fast; without it, or where a page's rules forbid it, plain JavaScript does the same.
  // Places are counted in floats from the start of one large memory, the heap.
  const instance = wasm && new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports;
  const heap = instance
    ? new Float32Array(instance.memory.buffer, instance.heap_start(), instance.heap_size())
    : new Float32Array(32 << 20);
  const { gemm, gelu, softmax } = instance ? wasm_kernels(instance) : js_kernels();

  function wasm_kernels({ heap_start, gemm, gelu, softmax }) {
    const address = (at) => heap_start() + 4 * at; // in bytes
    return {
      gemm: (c, c_row, a, a_row, a_column, b, ...rest) =>
        gemm(address(c), c_row, address(a), a_row, a_column, address(b), ...rest),
      gelu: (y, slope, x, count) =>
        gelu(address(y), slope === null ? 0 : address(slope), address(x), count),
      softmax: (x, ...rest) => softmax(address(x), ...rest),
    };
  }

  function js_kernels() {
    let panel = new Float32Array(4096); // four columns of B side by side: read in one go

    // C (m, n) = scale A (m, k) B (k, n), or that added to C. A and B may have any steps from row
    // to row and from column to column, so a transpose or one head's columns cost no copy.
    function gemm(c, c_row, a, a_row, a_column, b, b_row, b_column, m, n, k, scale, add) {
      if (panel.length < 4 * k) panel = new Float32Array(4 * k);
      for (let j = 0; j < n; j += 4) {
        const width = Math.min(4, n - j);
        for (let q = 0; q < 4; q++) {
          for (let p = 0, at = b + (j + q) * b_column; p < k; p++, at += b_row) {
            panel[4 * p + q] = q < width ? heap[at] : 0;
          }
        }
        for (let i = 0; i < m; i++) {
          let sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
          for (let p = 0, at = a + i * a_row; p < 4 * k; p += 4, at += a_column) {
            const x = heap[at];
            sum0 += x * panel[p];
            sum1 += x * panel[p + 1];
            sum2 += x * panel[p + 2];
            sum3 += x * panel[p + 3];
          }
          const sums = [sum0, sum1, sum2, sum3], row = c + i * c_row + j;
          for (let q = 0; q < width; q++) {
            heap[row + q] = (add ? heap[row + q] : 0) + scale * sums[q];
          }
        }
      }
    }

    // y = x g with the gate g = 1 / (1 + exp(-2 z)) and z = c (x + a x^3); its slope is
    // g + y (1 - g) 2 z', as `gelu_with_slope` of the library derives. slope: a place or null.
    function gelu(y, slope, x, count) {
      const c = Math.sqrt(2 / Math.PI), a = 0.044715;
      for (let i = 0; i < count; i++) {
        const v = heap[x + i], square = v * v;
        const gate = 1 / (1 + Math.exp(-2 * c * v * (1 + a * square)));
        heap[y + i] = v * gate;
        if (slope !== null) {
          heap[slope + i] = gate + v * gate * (1 - gate) * (2 * c + 6 * c * a * square);
        }
      }
    }

    // Softmax in place of each row's first `first + row % period` numbers; the others become 0.
    // A causal row sees one key more than the row before; (width, 1) takes whole rows.
    function softmax(x, rows, width, first, period) {
      for (let row = 0, at = x; row < rows; row++, at += width) {
        const seen = first + (row % period);
        let largest = -Infinity, sum = 0;
        for (let i = 0; i < seen; i++) largest = Math.max(largest, heap[at + i]);
        for (let i = 0; i < seen; i++) sum += heap[at + i] = Math.exp(heap[at + i] - largest);
        for (let i = 0; i < seen; i++) heap[at + i] /= sum;
        for (let i = seen; i < width; i++) heap[at + i] = 0;
      }
    }
    return { gemm, gelu, softmax };
  }

  // Memory is a pile: what a step needs goes on top, and `release(mark)` takes off all that came
  // after `mark()`. No array is freed alone, so nothing is left over after hundreds of steps.
  let top = 0, highest = 0;
  const mark = () => top;
  const release = (to) => { top = to; };
  const peak_megabytes = () => (4 * highest) / 2 ** 20;

  function place_for(count) {
    const at = top;
    if (at + count > heap.length) {
      throw new RangeError(`the page's model has ${heap.length} numbers of memory, this needs ` +
        `${at + count}: a smaller batch, shorter texts or a lower rank may help`);
    }
    top = at + Math.ceil(count / 16) * 16; // kernels may read and write in steps of four
    highest = Math.max(highest, top);
    return at;
  }

  // A matrix, or a view of one: where its first number is, and the steps from row to row and from
  // column to column. `shape` is what the library would say: [size] for a vector.
  class Matrix {
    constructor(at, rows, columns, row_step = columns, column_step = 1) {
      this.at = at;
      this.rows = rows;
      this.columns = columns;
      this.row_step = row_step;
      this.column_step = column_step;
      this.shape = [rows, columns];
    }

    get T() {
      return new Matrix(this.at, this.columns, this.rows, this.column_step, this.row_step);
    }

    // `rows` rows from `row` on, and `columns` columns from `column` on: no copy.
    view(row, rows, column = 0, columns = this.columns) {
      const at = this.at + row * this.row_step + column * this.column_step;
      return new Matrix(at, rows, columns, this.row_step, this.column_step);
    }

    // All numbers in a row, to read and to write; only of a whole matrix.
    get numbers() {
      if (this.column_step !== 1 || this.row_step !== this.columns) {
        throw new Error('a view of a matrix has no numbers in a row');
      }
      return heap.subarray(this.at, this.at + this.rows * this.columns);
    }
  }

  // (rows, columns), of any numbers.
  const matrix = (rows, columns) => new Matrix(place_for(rows * columns), rows, columns);

  function zeros(rows, columns) {
    const made = matrix(rows, columns);
    made.numbers.fill(0);
    return made;
  }

  // One row, whose shape is [numbers.length].
  function vector(numbers) {
    const made = matrix(1, numbers.length);
    made.numbers.set(numbers);
    made.shape = [numbers.length];
    return made;
  }

  // A whole matrix with the numbers of another one, or of a view.
  function copy(original) {
    const { rows, columns, row_step, column_step } = original, made = matrix(rows, columns);
    for (let row = 0, to = made.at; row < rows; row++) {
      let from = original.at + row * row_step;
      for (let k = 0; k < columns; k++, to++, from += column_step) heap[to] = heap[from];
    }
    return made;
  }

  // a (m, k) @ b (k, n) -> (m, n), times `scale`; with `add`, on top of what `into` holds.
  function multiply(a, b, into = matrix(a.rows, b.columns), scale = 1, add = false) {
    if (a.columns !== b.rows || into.rows !== a.rows || into.columns !== b.columns) {
      throw new Error(`(${a.shape}) @ (${b.shape}) does not give (${into.shape})`);
    }
    gemm(into.at, into.row_step, a.at, a.row_step, a.column_step, b.at, b.row_step, b.column_step,
      a.rows, b.columns, a.columns, scale, Number(add));
    return into;
  }

  // x += y, both whole and of one shape; returns x.
  function add(x, y) {
    const { length } = x.numbers, from = y.at, to = x.at; // all of the heap, not views of it: faster
    for (let i = 0; i < length; i++) heap[to + i] += heap[from + i];
    return x;
  }

  return { heap, mark, release, peak_megabytes, Matrix, matrix, zeros, vector, copy, multiply, add,
    gelu, softmax, kernels_name: instance ? 'wasm' : 'js' };
};
