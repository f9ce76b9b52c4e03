// Causal self-attention with many heads, forward, backward, and with a KV cache, as
// lib/attention.py.
'use strict';

lab_parts.attention = ({ heap, Matrix, matrix, zeros, multiply, add, softmax, Layer, Linear }) => {

  // Keys and values of the tokens that one attention layer has seen so far, of one text.
  // keys, values: (context, d_model), of which the first `length` rows are filled.
  class KVCache {
    constructor(context_length, size) {
      this.keys = matrix(context_length, size);
      this.values = matrix(context_length, size);
      this.length = 0;
    }

    // Add (time, d_model); return all keys and values seen so far.
    append(keys, values) {
      const at = this.length * keys.columns;
      this.keys.numbers.set(keys.numbers, at);
      this.values.numbers.set(values.numbers, at);
      this.length += keys.rows;
      return [this.keys.view(0, this.length), this.values.view(0, this.length)];
    }
  }

  // Each token gathers from itself and the tokens before it.
  // x: (batch * time, d_model) -> the same;  four weights of (d_model, d_model).
  // Vaswani et al. 2017, eq. 1 and section 3.2.2, with a causal mask.
  class CausalSelfAttention extends Layer {
    constructor(embedding_dimension, heads) {
      super();
      const size = embedding_dimension;
      this.heads = heads;
      this.heads_off = new Set(); // numbers from 0: what these gather is not added
      this.query_linear = new Linear(matrix(size, size));
      this.key_linear = new Linear(matrix(size, size));
      this.value_linear = new Linear(matrix(size, size));
      this.output_linear = new Linear(matrix(size, size));
    }

    // The columns of one head, of one text: (time, head_size), a view.
    head(x, batch, text, head) {
      const time = x.rows / batch, size = x.columns / this.heads;
      return x.view(text * time, time, head * size, size);
    }

    // Calls for_head(text, head, place of its rows among all score matrices).
    each_head(batch, time, for_head) {
      for (let text = 0; text < batch; text++) {
        for (let head = 0; head < this.heads; head++) {
          for_head(text, head, (text * this.heads + head) * time);
        }
      }
    }

    forward(x, batch, training = true, past = null) {
      const q = this.query_linear.forward(x, training);
      let k = this.key_linear.forward(x, training), v = this.value_linear.forward(x, training);
      const seen = past ? past.length : 0;
      if (past) [k, v] = past.append(k, v);
      const time = q.rows / batch, keys = k.rows / batch;
      const scale = 1 / Math.sqrt(q.columns / this.heads);
      // A row of keys for each query of each head; queries first, so that softmax runs along rows.
      const weights = matrix(batch * this.heads * time, keys);
      this.each_head(batch, time, (text, head, row) => {
        multiply(this.head(q, batch, text, head), this.head(k, batch, text, head).T,
          weights.view(row, time), scale);
      });
      softmax(weights.at, weights.rows, keys, seen + 1, time); // of keys up to the query's own
      const context = this.heads_off.size ? zeros(q.rows, q.columns) : matrix(q.rows, q.columns);
      this.each_head(batch, time, (text, head, row) => {
        if (this.heads_off.has(head)) return;
        multiply(weights.view(row, time), this.head(v, batch, text, head),
          this.head(context, batch, text, head));
      });
      this.cache = training ? { q, k, v, weights, batch, scale } : null;
      return this.output_linear.forward(context, training);
    }

    // With weights P = softmax(s) and context c = P v:  dv = P^T dc,  dP = dc v^T,  and through the
    // softmax ds = P dP - P sum(P dP), the sum over the keys;  then dq = ds k,  dk = ds^T q.
    backward(dy) {
      const { q, k, v, weights, batch, scale } = this.cache, time = q.rows / batch;
      const d_context = this.output_linear.backward(dy);
      const [dq, dk, dv] = [q, k, v].map((each) => matrix(each.rows, each.columns));
      const d_scores = matrix(weights.rows, weights.columns);
      this.each_head(batch, time, (text, head, row) => {
        const of = (x) => this.head(x, batch, text, head);
        multiply(of(d_context), of(v).T, d_scores.view(row, time));
        multiply(weights.view(row, time).T, of(d_context), of(dv));
      });
      softmax_backward(weights, d_scores);
      this.each_head(batch, time, (text, head, row) => {
        const of = (x) => this.head(x, batch, text, head), ds = d_scores.view(row, time);
        multiply(ds, of(k), of(dq), scale);
        multiply(ds.T, of(q), of(dk), scale);
      });
      const dx = this.query_linear.backward(dq);
      add(dx, this.key_linear.backward(dk));
      return add(dx, this.value_linear.backward(dv));
    }
  }

  // d_scores, which holds dP, becomes ds, in place; a row for each query.
  function softmax_backward(weights, d_scores) {
    const { rows, columns: keys } = weights;
    for (let row = 0; row < rows; row++) {
      const p = weights.at + row * keys, d = d_scores.at + row * keys;
      let sum = 0;
      for (let key = 0; key < keys; key++) sum += heap[p + key] * heap[d + key];
      for (let key = 0; key < keys; key++) heap[d + key] = heap[p + key] * (heap[d + key] - sum);
    }
  }

  return { KVCache, CausalSelfAttention };
};
