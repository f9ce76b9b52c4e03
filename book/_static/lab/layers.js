// Linear, Embedding, LayerNorm: each forward beside its hand-written backward, as lib/layers.py,
// and before them what all layers share, as lib/layer.py.
//
// (batch, time, d) of the library is (rows, d) here, with rows = batch * time: a layer that works
// on each token alone does not ask which text a row is of. Every backward takes dy, the gradient of
// the loss with respect to the layer's output, puts the gradients of its own arrays into `grads`
// and returns dx.
'use strict';

lab_parts.layers = ({ heap, matrix, zeros, vector, multiply }) => {
  const EPSILON = 1e-5; // of LayerNorm: keeps the division finite on a constant row

  // Named arrays, their gradients, freezing, parts. A leaf names its arrays in `array_names`; a
  // composite just holds other layers, or lists of them: `walk` finds them.
  class Layer {
    array_names = [];
    frozen = false;
    grads = {};
    cache = null; // what backward needs from the last training forward

    * walk(prefix = '') {
      yield [prefix, this];
      for (const [name, value] of Object.entries(this)) {
        if (value instanceof Layer) yield* value.walk(`${prefix}${name}.`);
        else if (Array.isArray(value) && value[0] instanceof Layer) {
          for (const [number, part] of value.entries()) {
            yield* part.walk(`${prefix}${name}.${number}.`);
          }
        }
      }
    }

    trained_names() {
      return this.frozen ? [] : this.array_names;
    }

    is_trainable() {
      return [...this.walk()].some(([, layer]) => layer.trained_names().length > 0);
    }

    // {dotted name: Matrix}, the arrays themselves: all, or those that training changes.
    parameters() {
      return collect(this, (layer) => layer.array_names, (layer, name) => layer[name]);
    }

    trainable_parameters() {
      return collect(this, (layer) => layer.trained_names(), (layer, name) => layer[name]);
    }

    // Gradients of the last backward, under the names of the trained arrays.
    gradients() {
      return collect(this, (layer) => Object.keys(layer.grads), (layer, name) => layer.grads[name]);
    }

    freeze(frozen = true) {
      for (const [, layer] of this.walk()) Object.assign(layer, { frozen, grads: {}, cache: null });
    }
  }

  function collect(layer, names_of, array_of) {
    const found = {};
    for (const [prefix, part] of layer.walk()) {
      for (const name of names_of(part)) found[prefix + name] = array_of(part, name);
    }
    return found;
  }

  // y = x W^T.  x: (rows, d_in) -> y: (rows, d_out);  weights: (d_out, d_in).
  class Linear extends Layer {
    array_names = ['weights'];

    constructor(weights) {
      super();
      this.weights = weights;
    }

    forward(x, training = true) {
      this.cache = training && !this.frozen ? x : null;
      return multiply(x, this.weights.T);
    }

    // dW = dy^T x,  dx = dy W.
    backward(dy) {
      if (!this.frozen) this.grads = { weights: multiply(dy.T, this.cache) };
      return multiply(dy, this.weights);
    }
  }

  // One row of a table for each token.  tokens: (rows) of ids -> (rows, d);
  // weights: (vocabulary, d).
  class Embedding extends Layer {
    array_names = ['weights'];

    constructor(weights) {
      super();
      this.weights = weights;
    }

    forward(tokens, training = true) {
      this.cache = training && !this.frozen ? tokens : null;
      return take_rows(this.weights, tokens);
    }

    // A row's gradient is the sum over all places where its token stood.
    backward(dy) {
      if (!this.frozen) this.grads = { weights: sum_by_row(this.cache, dy, this.weights.rows) };
    }
  }

  // The named rows of a table, one after the other; the table may be a view.
  function take_rows(table, places) {
    const found = matrix(places.length, table.columns);
    places.forEach((place, row) => {
      const from = table.at + place * table.row_step, to = found.at + row * found.columns;
      for (let k = 0; k < table.columns; k++) heap[to + k] = heap[from + k * table.column_step];
    });
    return found;
  }

  // Add each of the rows (n, d) to the row of its place: -> (count, d), zero elsewhere.
  function sum_by_row(places, rows, count) {
    const total = zeros(count, rows.columns);
    places.forEach((place, row) => {
      const from = rows.at + row * rows.columns, to = total.at + place * rows.columns;
      for (let k = 0; k < rows.columns; k++) heap[to + k] += heap[from + k];
    });
    return total;
  }

  // Normalise each row to mean 0 and variance 1, then scale and shift.
  // x: (rows, d) -> y: (rows, d);  gamma, beta: (d).  Ba et al. 2016, eq. 4.
  class LayerNorm extends Layer {
    array_names = ['gamma', 'beta'];

    constructor(size) {
      super();
      this.gamma = vector(new Float32Array(size).fill(1));
      this.beta = vector(new Float32Array(size));
    }

    forward(x, training = true) {
      const { rows, columns: d } = x, y = matrix(rows, d), x_hat = matrix(rows, d);
      const gamma = this.gamma.numbers, beta = this.beta.numbers, shrinks = new Float64Array(rows);
      for (let row = 0, at = x.at, hat = x_hat.at, out = y.at; row < rows;
        row++, at += d, hat += d, out += d) {
        let mean = 0, variance = 0;
        for (let k = 0; k < d; k++) mean += heap[at + k];
        mean /= d;
        for (let k = 0; k < d; k++) variance += (heap[at + k] - mean) ** 2;
        const shrink = 1 / Math.sqrt(variance / d + EPSILON);
        shrinks[row] = shrink;
        for (let k = 0; k < d; k++) {
          heap[hat + k] = (heap[at + k] - mean) * shrink;
          heap[out + k] = heap[hat + k] * gamma[k] + beta[k];
        }
      }
      this.cache = training ? { x_hat, shrinks } : null;
      return y;
    }

    // dx = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / std, with dx_hat = dy gamma: the
    // two means are the parts of the gradient that shifting and stretching the row would undo.
    backward(dy) {
      const { x_hat, shrinks } = this.cache, { rows, columns: d } = dy, dx = matrix(rows, d);
      const gamma = this.gamma.numbers;
      if (!this.frozen) this.grads = this.array_gradients(dy, x_hat);
      for (let row = 0, at = dy.at, hat = x_hat.at, out = dx.at; row < rows;
        row++, at += d, hat += d, out += d) {
        let mean = 0, along = 0;
        for (let k = 0; k < d; k++) {
          const dx_hat = heap[at + k] * gamma[k];
          mean += dx_hat;
          along += dx_hat * heap[hat + k];
        }
        mean /= d;
        along /= d;
        const shrink = shrinks[row];
        for (let k = 0; k < d; k++) {
          heap[out + k] = (heap[at + k] * gamma[k] - mean - heap[hat + k] * along) * shrink;
        }
      }
      return dx;
    }

    // d_gamma = sum of dy x_hat,  d_beta = sum of dy, over the rows.
    array_gradients(dy, x_hat) {
      const d = dy.columns, gamma = new Float64Array(d), beta = new Float64Array(d);
      for (let at = 0; at < dy.rows * d; at += d) {
        for (let k = 0; k < d; k++) {
          gamma[k] += heap[dy.at + at + k] * heap[x_hat.at + at + k];
          beta[k] += heap[dy.at + at + k];
        }
      }
      return { gamma: vector(gamma), beta: vector(beta) };
    }
  }

  return { Layer, Linear, Embedding, LayerNorm, take_rows, sum_by_row };
};
