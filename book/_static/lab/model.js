// The GPT: a pre-LayerNorm transformer of 1,044,736 parameters in its standard size, as
// lib/model.py and lib/positions.py.
'use strict';

lab_parts.model = ({ matrix, add, gelu, heap, Layer, Linear, Embedding, LayerNorm,
  take_rows, sum_by_row, KVCache, CausalSelfAttention }) => {

  // (context_length, size): sine in even, cosine in odd dimensions.
  // Dimension 2i turns with wavelength 2 pi 10000^(2i / size).  Vaswani et al. 2017, section 3.5.
  function sinusoidal_positions(context_length, size) {
    const made = matrix(context_length, size), numbers = made.numbers;
    for (let time = 0; time < context_length; time++) {
      for (let i = 0; i < size; i += 2) {
        const angle = time / 10000 ** (i / size);
        numbers[time * size + i] = Math.sin(angle);
        numbers[time * size + i + 1] = Math.cos(angle);
      }
    }
    return made;
  }

  // down(gelu(up(x))), for each token alone.  x: (rows, d_model) -> the same.
  class FeedForward extends Layer {
    constructor(size, hidden) {
      super();
      this.up_linear = new Linear(matrix(hidden, size));
      this.down_linear = new Linear(matrix(size, hidden));
    }

    forward(x, training = true) {
      const hidden = this.up_linear.forward(x, training), count = hidden.rows * hidden.columns;
      const active = matrix(hidden.rows, hidden.columns);
      this.cache = training ? matrix(hidden.rows, hidden.columns) : null; // the slopes
      gelu(active.at, this.cache ? this.cache.at : null, hidden.at, count);
      return this.down_linear.forward(active, training);
    }

    backward(dy) {
      const d_hidden = this.down_linear.backward(dy), { at, rows, columns } = d_hidden;
      const slopes = this.cache.at;
      for (let i = 0; i < rows * columns; i++) heap[at + i] *= heap[slopes + i];
      return this.up_linear.backward(d_hidden);
    }
  }

  // Only some rows go on: those where a target counts or a token is to be written.
  // (rows, d) -> (wanted.length, d).
  class WantedRows extends Layer {
    forward(x, wanted) {
      this.cache = { wanted, rows: x.rows };
      return take_rows(x, wanted);
    }

    backward(dy) {
      return sum_by_row(this.cache.wanted, dy, this.cache.rows);
    }
  }

  // x + attention(norm(x)), then x + feed_forward(norm(x)).  (batch * time, d_model) -> the same,
  // or the `wanted` rows of it: behind the last attention no row needs the others.  x itself is
  // written on.
  class TransformerBlock extends Layer {
    constructor(config) {
      super();
      const size = config.embedding_dimension;
      this.attention_norm = new LayerNorm(size);
      this.self_attention = new CausalSelfAttention(size, config.heads);
      this.wanted_rows = new WantedRows();
      this.feed_forward_norm = new LayerNorm(size);
      this.feed_forward = new FeedForward(size, config.feed_forward_dimension);
      this.off = new Set(); // sublayers that add nothing: 'attention', 'feed-forward'
    }

    forward(x, batch, training = true, past = null, wanted = null) {
      const normed = this.attention_norm.forward(x, training);
      const gathered = this.self_attention.forward(normed, batch, training, past);
      if (!this.off.has('attention')) add(x, gathered);
      const left = wanted ? this.wanted_rows.forward(x, wanted) : x;
      this.cache = { wanted };
      if (this.off.has('feed-forward')) return left;
      const again = this.feed_forward_norm.forward(left, training);
      return add(left, this.feed_forward.forward(again, training));
    }

    backward(dy) {
      add(dy, this.feed_forward_norm.backward(this.feed_forward.backward(dy)));
      const dx = this.cache.wanted ? this.wanted_rows.backward(dy) : dy;
      return add(dx, this.attention_norm.backward(this.self_attention.backward(dx)));
    }
  }

  // The blocks one after the other.  (batch * time, d_model) -> the same, or the `wanted` rows.
  class TransformerStack extends Layer {
    constructor(config) {
      super();
      this.layers = Array.from({ length: config.layers }, () => new TransformerBlock(config));
    }

    forward(x, batch, training = true, past = null, wanted = null) {
      const last = this.layers.length - 1;
      return this.layers.reduce((y, layer, number) => layer.forward(y, batch, training,
        past && past[number], number === last ? wanted : null), x);
    }
  }

  // Token ids to the logits of each next token.  Radford et al. 2019, without biases.
  class GPTModel extends Layer {
    constructor(config) {
      super();
      const { vocabulary_size, context_length, embedding_dimension: size } = config;
      this.config = config;
      this.token_embedding = new Embedding(matrix(vocabulary_size, size));
      this.positions = sinusoidal_positions(context_length, size);
      this.transformer_stack = new TransformerStack(config);
      this.final_norm = new LayerNorm(size);
      this.output_projection = new Linear(matrix(vocabulary_size, size));
      this.past = this.transformer_stack.layers.map(() => new KVCache(context_length, size));
    }

    // tokens: (batch * time) of ids -> logits: (wanted.length, vocabulary), of all rows if `wanted`
    // is not given. With `past` (from `new_cache`) the tokens go on with those that it holds.
    forward(tokens, batch, { wanted = null, training = true, past = null } = {}) {
      const start = past ? past[0].length : 0, time = tokens.length / batch;
      this.check_tokens(tokens, time, start);
      let x = this.token_embedding.forward(tokens, training);
      this.add_positions(x, time, start);
      x = this.transformer_stack.forward(x, batch, training, past, wanted);
      return this.output_projection.forward(this.final_norm.forward(x, training), training);
    }

    // Fill `gradients()` from the gradient of the logits; stop where nothing below trains.
    backward(grad_logits) {
      const parts = [this.token_embedding, ...this.transformer_stack.layers, this.final_norm,
        this.output_projection];
      const lowest = parts.findIndex((part) => part.is_trainable());
      parts.slice(lowest).reduceRight((dy, part) => part.backward(dy), grad_logits);
    }

    add_positions(x, time, start) {
      const size = x.columns, first = this.positions.at + start * size;
      for (let i = 0; i < x.rows * size; i++) heap[x.at + i] += heap[first + (i % (time * size))];
    }

    // An empty KV cache of the whole context; there is one, for one text.
    new_cache() {
      for (const each of this.past) each.length = 0;
      return this.past;
    }

    // {name: numbers} into the arrays of these names.
    set_parameters(arrays) {
      const own = this.parameters();
      for (const [name, numbers] of Object.entries(arrays)) {
        if (!own[name]) throw new Error(`the model has no array ${name}`);
        own[name].numbers.set(numbers);
      }
    }

    check_tokens(tokens, time, start) {
      const { vocabulary_size, context_length } = this.config;
      const odd = tokens.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary_size));
      if (odd !== undefined) {
        throw new RangeError(`token id ${odd} is out of range: ids go from 0 to ` +
          `${vocabulary_size - 1}`);
      }
      if (!Number.isInteger(time) || time < 1) {
        throw new RangeError(`${tokens.length} tokens are no whole rows of a batch`);
      }
      if (start + time > context_length) {
        throw new RangeError(`a sequence of ${start + time} tokens is longer than the context of ` +
          `${context_length}`);
      }
    }
  }

  return { sinusoidal_positions, FeedForward, TransformerBlock, TransformerStack, GPTModel };
};
