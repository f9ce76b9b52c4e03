// Loss, one training step, and the batches, as lib/losses.py and lib/training.py.
'use strict';

lab_parts.training = ({ mark, release, softmax, get_lora_parameters, clip_gradient_norm }) => {
  const IGNORE = -100; // a target that carries no loss: a prompt's token, or padding

  // Numbers from 0 to below 1 from a seed of whole numbers: the four-word xorshift of Marsaglia
  // 2003, section 4. Nothing but whole-number operations, so every browser draws the same.
  function make_rng(...seed) {
    const state = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x6a09e667]; // from well-known constants
    const next = () => {
      const t = state[0] ^ (state[0] << 11);
      state.copyWithin(0, 1);
      state[3] = state[2] ^ (state[2] >>> 19) ^ t ^ (t >>> 8);
      return (state[3] >>> 0) / 2 ** 32;
    };
    for (const number of seed) {
      state[0] ^= Math.imul(number + 1, 0x85ebca6b);
      for (let i = 0; i < 24; i++) next(); // until every bit of the seed has reached every word
    }
    return next;
  }

  // Mean of -log p(target) over the rows of logits (rows, vocabulary), which become the gradient of
  // it, (p - onehot) / rows, in place.  targets: (rows) of ids, none ignored.
  // -log p(target) is largest - logit(target) - log p(largest), which no p too small for a float
  // can spoil.
  function cross_entropy(logits, targets) {
    const { rows, columns: vocabulary, numbers } = logits;
    const places = new Int32Array(rows); // of each row's largest logit
    let loss = 0;
    for (let row = 0; row < rows; row++) {
      const at = row * vocabulary;
      let likeliest = at;
      for (let k = at; k < at + vocabulary; k++) if (numbers[k] > numbers[likeliest]) likeliest = k;
      places[row] = likeliest;
      loss += numbers[likeliest] - numbers[at + targets[row]];
    }
    softmax(logits.at, rows, vocabulary, vocabulary, 1);
    for (let row = 0; row < rows; row++) {
      loss -= Math.log(numbers[places[row]]);
      numbers[row * vocabulary + targets[row]] -= 1;
    }
    for (let k = 0; k < numbers.length; k++) numbers[k] /= rows;
    return loss / rows;
  }

  // One forward and one backward.  inputs, targets: (batch * time) of ids or, in targets, IGNORE.
  // Gradients are in model.gradients(), on the pile of memory: whoever calls marks and releases.
  function loss_and_gradients(model, inputs, targets, batch) {
    const wanted = counted_rows(targets);
    const logits = model.forward(inputs, batch, { wanted });
    const loss = cross_entropy(logits, wanted.map((row) => targets[row]));
    if (!Number.isFinite(loss)) {
      throw new Error(`the loss is ${loss}: a lower learning rate may help`);
    }
    model.backward(logits);
    return loss;
  }

  // The rows whose target counts.
  function counted_rows(targets) {
    const rows = [];
    targets.forEach((target, row) => { if (target !== IGNORE) rows.push(row); });
    if (!rows.length) {
      throw new RangeError(`all ${targets.length} targets are ${IGNORE} (ignored): there is no ` +
        'loss');
    }
    return rows;
  }

  // One step on everything that is trainable: gradients, clipping, AdamW; returns the loss before.
  function train_step(model, optimizer, inputs, targets, batch, learning_rate, max_grad_norm = 1) {
    const before = mark();
    try {
      const loss = loss_and_gradients(model, inputs, targets, batch);
      const gradients = model.gradients();
      const shrink = clip_gradient_norm(gradients, max_grad_norm);
      optimizer.step(gradients, model.trainable_parameters(), learning_rate, shrink);
      return loss;
    } finally {
      release(before);
    }
  }

  // The same step on nothing but the A and B of the adapters.
  function train_step_lora(model, optimizer, inputs, targets, batch, learning_rate,
    max_grad_norm = 1) {
    if (!Object.keys(get_lora_parameters(model)).length) {
      throw new Error('the model carries no LoRA adapters: call apply_lora_to_model first');
    }
    return train_step(model, optimizer, inputs, targets, batch, learning_rate, max_grad_norm);
  }

  // The same step in two parts, so that a second worker can take half of the batch: a part's
  // gradients, then their mean and AdamW.  A batch is cut in two whoever computes it, which is why
  // the losses do not depend on the number of workers, not even in their last bits.
  const in_halves = (examples) => {
    const middle = Math.ceil(examples.length / 2);
    return [examples.slice(0, middle), examples.slice(middle)].filter((half) => half.length);
  };

  // {loss, count, gradients} of some examples: `count` targets carry the loss, and the gradients
  // of all trainable arrays stand in one row, which can be sent.
  function part_of_step(model, examples) {
    const before = mark();
    try {
      const { inputs, targets, batch } = pad(examples);
      const loss = loss_and_gradients(model, inputs, targets, batch), own = model.gradients();
      const names = Object.keys(model.trainable_parameters());
      return { loss, count: counted_rows(targets).length,
        gradients: joined(names.map((name) => own[name])) };
    } finally {
      release(before);
    }
  }

  // One step from the parts of its batch; returns the mean loss before, rounded to float32 as all
  // other numbers are: below that, browsers have different exp and log.
  function train_on_parts(model, optimizer, parts, learning_rate, max_grad_norm = 1) {
    const [first, second] = parts, count = parts.reduce((sum, part) => sum + part.count, 0);
    const mean = first.gradients, share = first.count / count;
    if (second) {
      const rest = second.count / count;
      for (let i = 0; i < mean.length; i++) {
        mean[i] = share * mean[i] + rest * second.gradients[i];
      }
    }
    const parameters = model.trainable_parameters(), gradients = {};
    let at = 0;
    for (const [name, { numbers }] of Object.entries(parameters)) {
      gradients[name] = { numbers: mean.subarray(at, at += numbers.length) };
    }
    const shrink = clip_gradient_norm(gradients, max_grad_norm);
    optimizer.step(gradients, parameters, learning_rate, shrink);
    return Math.fround(parts.reduce((sum, part) => sum + (part.count / count) * part.loss, 0));
  }

  // The numbers of several matrices in one row, and the way back.
  function joined(arrays) {
    const row = new Float32Array(arrays.reduce((sum, { numbers }) => sum + numbers.length, 0));
    arrays.reduce((at, { numbers }) => {
      row.set(numbers, at);
      return at + numbers.length;
    }, 0);
    return row;
  }

  function set_joined(arrays, row) {
    arrays.reduce((at, { numbers }) => {
      numbers.set(row.subarray(at, at + numbers.length));
      return at + numbers.length;
    }, 0);
  }

  // The examples of one step's batch, drawn without repetition inside an epoch; every epoch has an
  // order of its own.  examples: [[prompt ids, answer ids], ...].
  function draw_examples(examples, step, seed, batch) {
    const per_epoch = Math.max(1, Math.floor(examples.length / batch));
    const place = step % per_epoch, order = permutation(examples.length,
      make_rng(seed, (step - place) / per_epoch));
    return order.slice(place * batch, (place + 1) * batch).map((i) => examples[i]);
  }

  // 0 to count - 1 in random order (Fisher and Yates).
  function permutation(count, rng) {
    const order = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor(rng() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  // [prompt, answer] ids to inputs, targets: (batch * longest) each, with IGNORE outside answers.
  function pad(examples) {
    if (!examples.length || examples.some((pair) => !pair[0].length || !pair[1].length)) {
      throw new RangeError('there must be examples, each needs at least one token of prompt and ' +
        'one of answer');
    }
    const batch = examples.length;
    const lengths = examples.map(([prompt, answer]) => prompt.length + answer.length);
    const longest = Math.max(...lengths) - 1;
    const inputs = new Array(batch * longest).fill(0), targets = inputs.map(() => IGNORE);
    examples.forEach(([prompt, answer], row) => {
      const ids = [...prompt, ...answer];
      ids.slice(0, -1).forEach((id, i) => { inputs[row * longest + i] = id; });
      answer.forEach((id, i) => { targets[row * longest + prompt.length - 1 + i] = id; });
    });
    return { inputs, targets, batch };
  }

  return { IGNORE, make_rng, cross_entropy, loss_and_gradients, train_step, train_step_lora,
    in_halves, part_of_step, train_on_parts, joined, set_joined, draw_examples, pad };
};
