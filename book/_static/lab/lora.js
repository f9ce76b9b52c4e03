// LoRA: a frozen layer with a trained change of low rank beside it, and all that acts on it, as
// lib/lora.py.
'use strict';

lab_parts.lora = ({ matrix, zeros, copy, multiply, Layer, Linear, Embedding, take_rows,
  sum_by_row }) => {
  // Where in a model each target module lives: [part of a block, attribute], or in the model.
  const IN_BLOCK = { query: ['self_attention', 'query_linear'],
    key: ['self_attention', 'key_linear'], value: ['self_attention', 'value_linear'],
    output: ['self_attention', 'output_linear'], ffn_up: ['feed_forward', 'up_linear'],
    ffn_down: ['feed_forward', 'down_linear'] };
  const TARGETS = [...Object.keys(IN_BLOCK), 'token_embedding', 'output_projection'];

  // y = x W^T + alpha/r x A^T B^T, of which only A and B are trained.
  // x: (rows, d_in) -> y: (rows, d_out);  base_weights W: (d_out, d_in), frozen, never written;
  // lora_A: (rank, d_in), random;  lora_B: (d_out, rank), zero, so that training starts from the
  // base exactly.  Hu et al. 2021, eq. 3.
  class LoRALinear extends Layer {
    array_names = ['base_weights', 'lora_A', 'lora_B'];

    constructor(base_weights, rank, alpha, rng) {
      super();
      const { rows: d_out, columns: d_in } = base_weights;
      check_rank_and_alpha(rank, alpha, base_weights.shape);
      Object.assign(this, { rank, alpha, base_weights, strength: 1, rank_kept: rank });
      this.lora_A = matrix(rank, d_in);
      this.lora_B = zeros(d_out, rank);
      // uniform, as usual for A; so no function is needed that browsers round differently
      const bound = 1 / Math.sqrt(d_in), numbers = this.lora_A.numbers;
      for (let i = 0; i < numbers.length; i++) numbers[i] = bound * (2 * rng() - 1);
    }

    base_layer() {
      return new Linear(this.base_weights);
    }

    // The factor before B A: alpha / r, times a strength that is 1 unless dialled. The r is the
    // trained one, also when only some of its directions are kept.
    get scaling() {
      return (this.strength * this.alpha) / this.rank;
    }

    // The first `rank_kept` rows of A and columns of B: all, unless the rank is dialled down.
    get kept_A() {
      return this.lora_A.view(0, this.rank_kept);
    }

    get kept_B() {
      return this.lora_B.view(0, this.lora_B.rows, 0, this.rank_kept);
    }

    trained_names() {
      return this.frozen ? [] : ['lora_A', 'lora_B'];
    }

    forward(x, training = true) {
      const squeezed = multiply(x, this.kept_A.T);
      const y = multiply(x, this.base_weights.T);
      multiply(squeezed, this.kept_B.T, y, this.scaling, true);
      this.cache = training ? { x, squeezed } : null;
      return y;
    }

    // dB = s dy^T (x A^T),  dA = s (dy B)^T x,  dx = dy W + s (dy B) A;  nothing for W.
    backward(dy) {
      const { x, squeezed } = this.cache;
      const d_squeezed = multiply(dy, this.kept_B, undefined, this.scaling);
      if (!this.frozen) {
        this.grads = { lora_A: multiply(d_squeezed.T, x),
          lora_B: multiply(dy.T, squeezed, undefined, this.scaling) };
      }
      const dx = multiply(dy, this.base_weights);
      return multiply(d_squeezed, this.kept_A, dx, 1, true);
    }
  }

  // An embedding as a linear layer on one-hot rows: W^T is the table, d_in the vocabulary.
  // tokens: (rows) of ids -> (rows, d_model);  lora_A: (rank, vocabulary);
  // lora_B: (d_model, rank).
  class LoRAEmbedding extends LoRALinear {
    base_layer() {
      return new Embedding(this.base_weights.T);
    }

    forward(tokens, training = true) {
      const squeezed = take_rows(this.kept_A.T, tokens);
      const y = take_rows(this.base_weights.T, tokens);
      multiply(squeezed, this.kept_B.T, y, this.scaling, true);
      this.cache = training ? { tokens, squeezed } : null;
      return y;
    }

    backward(dy) {
      if (this.frozen) return;
      const { tokens, squeezed } = this.cache;
      const d_squeezed = multiply(dy, this.kept_B, undefined, this.scaling);
      const by_token = sum_by_row(tokens, d_squeezed, this.lora_A.columns);
      this.grads = { lora_A: copy(by_token.T),
        lora_B: multiply(dy.T, squeezed, undefined, this.scaling) };
    }
  }

  function check_rank_and_alpha(rank, alpha, shape) {
    const most = Math.min(...shape);
    if (!(Number.isInteger(rank) && rank >= 1 && rank <= most)) {
      throw new RangeError(`rank is ${rank}, it must be a whole number from 1 to ${most}, the ` +
        `smaller side of weights of shape (${shape.join(', ')})`);
    }
    if (!(Number.isFinite(alpha) && alpha > 0)) {
      throw new RangeError(`alpha is ${alpha}, it must be a finite number above 0`);
    }
  }

  function check_targets(target_modules) {
    const fits = Array.isArray(target_modules) && target_modules.length > 0
      && target_modules.every((target) => TARGETS.includes(target));
    if (!fits) {
      throw new RangeError(`targets is ${JSON.stringify(target_modules)}, it must be a list of ` +
        `names from ${TARGETS.join(', ')}`);
    }
  }

  // [owner, attribute] of every layer that the targets name, in the model's order.
  function targets_of(model, target_modules) {
    const found = [];
    if (target_modules.includes('token_embedding')) found.push([model, 'token_embedding']);
    for (const block of model.transformer_stack.layers) {
      for (const [target, [part, attribute]] of Object.entries(IN_BLOCK)) {
        if (target_modules.includes(target)) found.push([block[part], attribute]);
      }
    }
    if (target_modules.includes('output_projection')) found.push([model, 'output_projection']);
    return found;
  }

  // {dotted name: layer} of all layers with an adapter.
  function adapted_layers(model) {
    return Object.fromEntries([...model.walk()].filter(([, layer]) => layer instanceof LoRALinear)
      .map(([prefix, layer]) => [prefix.slice(0, -1), layer]));
  }

  // Freeze the model and put an adapter beside every target layer, in place; return it. The base's
  // arrays are neither copied nor written. A refusal changes nothing.
  function apply_lora_to_model(model, rank, alpha, target_modules, rng) {
    if (Object.keys(adapted_layers(model)).length) {
      throw new Error('the model carries LoRA adapters already: remove_adapters first');
    }
    check_targets(target_modules);
    const places = targets_of(model, target_modules);
    for (const [owner, attribute] of places) {
      check_rank_and_alpha(rank, alpha, owner[attribute].weights.shape);
    }
    model.freeze();
    for (const [owner, attribute] of places) {
      const { weights } = owner[attribute];
      owner[attribute] = owner[attribute] instanceof Embedding
        ? new LoRAEmbedding(weights.T, rank, alpha, rng)
        : new LoRALinear(weights, rank, alpha, rng);
    }
    return model;
  }

  // Take all adapters off, in place: what is left is the base, and all of it can be trained.
  function remove_adapters(model) {
    for (const [owner, attribute] of targets_of(model, TARGETS)) {
      if (owner[attribute] instanceof LoRALinear) owner[attribute] = owner[attribute].base_layer();
    }
    model.freeze(false);
    return model;
  }

  // {dotted name: Matrix} of all A and B.
  function get_lora_parameters(model) {
    return Object.fromEntries(Object.entries(model.parameters())
      .filter(([name]) => /lora_[AB]$/.test(name)));
  }

  // W + alpha/r B A as a new matrix of W's shape; the layer is unchanged.  Hu et al. 2021, 4.1.
  function merge_lora_weights(layer) {
    return multiply(layer.kept_B, layer.kept_A, copy(layer.base_weights), layer.scaling, true);
  }

  return { TARGETS, LoRALinear, LoRAEmbedding, check_targets, targets_of, adapted_layers,
    apply_lora_to_model, remove_adapters, get_lora_parameters, merge_lora_weights };
};
