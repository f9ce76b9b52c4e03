// The model behind the page: one worker that holds it, so that the page itself never waits.
//
// A message is {id, action, ...}; the answer {id, result} or {id, error}, and while a training runs
// {id, step}.  `serve` is called with what all other parts give and with the book's data.
'use strict';

lab_parts.worker = (engine) => {
  const { GPTModel, BPETokenizer, AdamW, mark, release, generate, next_token_probabilities, ranked,
    make_rng, apply_lora_to_model, remove_adapters, adapted_layers, get_lora_parameters, balanced,
    in_halves, part_of_step, train_on_parts, joined, set_joined, draw_examples, warmup_cosine,
    exact_matches, recalled_facts, bytes_of_letters, decode_arrays, in_four_bits, ask_settings,
    next_settings, train_settings, score_settings, check_each, LONGEST, MOST_ROWS } = engine;
  const BITS = 8, ALL_BITS = [16, 8, 4]; // of the base: what comes with the page, and all
  const PROBES = 48; // questions and facts of each measurement while a training runs

  // What a page's model is, and what is done with it.
  class Lab {
    constructor(data) {
      this.data = data;
      this.model = new GPTModel(data.config);
      this.tokenizer = new BPETokenizer(data.merges);
      this.bases = {}; // by their bits
      this.add_base(data.base);
      this.encoded = new WeakMap(); // from lists of [prompt, answer] to their ids
      this.few = new WeakMap(); // from such lists to the PROBES of them that a measurement asks
      this.helper = null; // another worker with the same model, where there is one
      this.base_mark = mark(); // what lies above belongs to an adapter or to one step
      this.bits = null;
      this.training = null;
      this.set_base(BITS);
    }

    // {bits, arrays, weights}, as the book's build makes them.
    add_base({ bits, arrays, weights }) {
      this.bases[bits] = decode_arrays(arrays, bytes_of_letters(weights));
      this.shapes = Object.fromEntries(arrays.map(([name, shape]) => [name, shape]));
    }

    // The base alone, at these bits: no adapter, nothing left of full fine-tuning.
    set_base(bits) {
      remove_adapters(this.model);
      release(this.base_mark);
      if (bits === 4) this.bases[4] ??= in_four_bits(this.bases[BITS], this.shapes);
      if (!this.bases[bits]) throw new Error(`the base at ${bits} bits was not loaded`);
      this.base = this.bases[bits];
      this.model.set_parameters(this.base);
      Object.assign(this, { bits, adapter: null, strength: 1 });
    }

    // Put an adapter on its base, in place of any other; null takes it off.  An adapter is
    // {kind, rank, alpha, targets, bits, arrays: {dotted name: {shape, numbers}}}.
    use(adapter) {
      this.refuse_while_training('use');
      if (adapter === null) this.set_base(BITS);
      else if (adapter && adapter.arrays) {
        try {
          this.attach(adapter);
        } catch (error) {
          this.set_base(BITS);
          throw error;
        }
      } else {
        throw new Error(`adapter is ${adapter}, it must be one that train or load gave, or null`);
      }
    }

    attach(adapter) {
      this.set_base(ALL_BITS.includes(adapter.bits) ? adapter.bits : BITS);
      if (adapter.kind === 'lora') {
        apply_lora_to_model(this.model, adapter.rank, adapter.alpha, adapter.targets, () => 0);
        const own = get_lora_parameters(this.model);
        check_arrays(own, adapter.arrays);
        for (const [name, array] of Object.entries(own)) {
          array.numbers.set(adapter.arrays[name].numbers);
        }
      } else check_arrays(this.model.parameters(), adapter.arrays);
      this.adapter = adapter;
      this.balanced = false;
      if (adapter.kind === 'full') this.set_strength(1, true);
    }

    // How much of the adapter acts: 0 is the base, 1 as trained. Of full fine-tuning, this is a
    // place on the line from the old weights to the new ones.
    set_strength(strength, anew = strength !== this.strength) {
      this.strength = strength;
      for (const layer of Object.values(adapted_layers(this.model))) layer.strength = strength;
      if (!anew || this.adapter?.kind !== 'full') return;
      for (const [name, array] of Object.entries(this.model.parameters())) {
        const base = this.base[name], tuned = this.adapter.arrays[name].numbers;
        const now = array.numbers;
        for (let i = 0; i < now.length; i++) now[i] = base[i] + strength * (tuned[i] - base[i]);
      }
    }

    // Keep that many directions of each adapter, those that do most; null: all.
    set_rank_kept(rank) {
      const layers = Object.values(adapted_layers(this.model));
      const trained = layers.length ? layers[0].rank : null;
      if (rank === null || rank === trained) {
        for (const layer of layers) layer.rank_kept = layer.rank;
        return;
      }
      if (trained === null) throw new RangeError(`rank is ${rank}, but no adapter is in use`);
      if (rank > trained) {
        throw new RangeError(`rank is ${rank}, it must be at most ${trained}, the trained one`);
      }
      this.refuse_while_training('a lower rank');
      if (!this.balanced) layers.forEach(balance);
      this.balanced = true;
      for (const layer of layers) layer.rank_kept = rank;
    }

    // Parts that add nothing until the next call, by their names: 'attention 1', 'feed-forward 1',
    // 'head 1.1'.
    switch_off(names) {
      const { layers } = this.model.transformer_stack, parts = {};
      layers.forEach((block, i) => {
        for (const branch of ['attention', 'feed-forward']) {
          parts[`${branch} ${i + 1}`] = [block.off, branch];
        }
        for (let head = 0; head < block.self_attention.heads; head++) {
          parts[`head ${i + 1}.${head + 1}`] = [block.self_attention.heads_off, head];
        }
      });
      check_each('off', names, Object.keys(parts));
      for (const [set] of Object.values(parts)) set.clear();
      for (const name of names) parts[name][0].add(parts[name][1]);
    }

    // {text, top: the five likeliest first tokens with their probabilities}
    ask(prompt, given) {
      const context = this.model.config.context_length;
      const { n, temperature, topP, seed, ...dials } = ask_settings(prompt, given, context);
      const start = this.start_of(prompt);
      let top = null;
      const see = (logits) => { top ??= this.likeliest(logits); };
      return this.dialled(dials, () => {
        const ids = generate(this.model, start, Math.min(n, context - start.length), { temperature,
          top_p: topP, rng: make_rng(seed), stop_token: this.tokenizer.eos_id, see });
        return { text: this.tokenizer.decode(ids), top };
      });
    }

    // What a draw of the next token draws from: {top: [[token, probability, the same after the cut,
    // 0 where it was cut off], ...], kept: how many tokens are left, entropy: theirs, in nats}
    next(prompt, given) {
      const { temperature, topP, ...dials } = next_settings(prompt, given);
      const start = this.start_of(prompt);
      return this.dialled(dials, () => {
        const logits = this.model.forward(start, 1,
          { wanted: [start.length - 1], training: false }).numbers;
        const warm = next_token_probabilities(logits, temperature);
        const cut = next_token_probabilities(logits, temperature, topP);
        const left = cut.filter((chance) => chance > 0);
        return { top: ranked(warm).slice(0, 10).map((token) =>
          [this.tokenizer.decode([token]), warm[token], cut[token]]),
        kept: left.length, entropy: -left.reduce((sum, p) => sum + p * Math.log(p), 0) };
      });
    }

    // A prompt's tokens, if at least one more fits the context.
    start_of(prompt) {
      const most = this.model.config.context_length - 1;
      const start = this.tokenizer.start_of_text(prompt);
      if (start.length > most) {
        throw new RangeError(`the prompt has ${start.length} tokens, it must have at most ${most}`);
      }
      return start;
    }

    // What `call` gives with the adapter at this strength and rank; no memory stays in use.
    dialled({ strength, rank, off = [] }, call) {
      this.set_rank_kept(rank);
      this.switch_off(off);
      const memory = mark(), before = this.strength;
      try {
        this.set_strength(strength);
        return call();
      } finally {
        release(memory);
        this.switch_off([]);
        if (this.training) this.set_strength(before); // in the next step, it acts in full again
      }
    }

    likeliest(logits, count = 5) {
      const chances = next_token_probabilities(logits);
      return ranked(chances).slice(0, count).map((token) =>
        [this.tokenizer.decode([token]), chances[token]]);
    }

    // The pieces into which the tokenizer cuts a text.
    tokens(text) {
      if (typeof text !== 'string') throw new RangeError(`text is ${text}, it must be a text`);
      return this.tokenizer.encode(text).map((id) => this.tokenizer.decode([id]));
    }

    // {heldOut, factsKept} of what is in use, at a strength.
    async score(given, pause) {
      this.refuse_while_training('score');
      const { task, strength } = score_settings(given, Object.keys(this.data.tasks));
      this.set_rank_kept(null);
      this.training = { stopped: false }; // nothing else may change the model meanwhile
      try {
        this.set_strength(strength);
        const [heldOut, factsKept] = await this.measure(task, pause);
        return { heldOut, factsKept };
      } finally {
        this.training = null;
      }
    }

    // One run; `report` is called after each step, `pause` awaited.  A step depends on the seed and
    // its number alone, so the losses are the same in each browser.
    async train(given, report, pause) {
      this.refuse_while_training('train');
      const settings = train_settings(given, Object.keys(this.data.tasks), ALL_BITS);
      const examples = this.examples_of(settings);
      this.training = { stopped: false };
      try {
        this.prepare(settings);
        const helper = settings.workers === 2 ? this.helper : null;
        await helper?.prepare(settings);
        const { losses, seconds } = await this.steps(settings, examples, helper, report,
          pause);
        const adapter = this.trained_adapter(settings);
        const [heldOut, factsKept] = settings.score
          ? await this.measure(settings.task, pause, { helper }) : [null, null];
        const result = { losses, seconds, workers: helper ? 2 : 1,
          stopped: this.training.stopped, adapter, heldOut, factsKept };
        this.attach(adapter);
        return result;
      } catch (error) {
        this.set_base(BITS);
        throw error;
      } finally {
        this.training = null;
      }
    }

    // [prompt ids, answer ids] of texts: <eos> stands before each prompt and after each answer.
    ids_of(pairs) {
      const { tokenizer } = this;
      if (!this.encoded.has(pairs)) {
        this.encoded.set(pairs, pairs.map(([prompt, answer]) =>
          [tokenizer.start_of_text(prompt), [...tokenizer.encode(answer), tokenizer.eos_id]]));
      }
      return this.encoded.get(pairs);
    }

    // The examples of a task or of pairs, cut to LONGEST tokens, if a batch of them fits.
    examples_of({ task, pairs, batch }) {
      const whole = this.ids_of(pairs ?? this.data.tasks[task].train);
      const examples = whole.map(([prompt, answer], i) => {
        if (prompt.length > LONGEST) {
          throw new RangeError(`pair ${i + 1} has a prompt of ${prompt.length} tokens, it must ` +
            `have at most ${LONGEST}`);
        }
        return [prompt, answer.slice(0, LONGEST + 1 - prompt.length)];
      });
      const longest = Math.max(...examples.map((pair) => pair[0].length + pair[1].length)) - 1;
      const most = Math.floor(MOST_ROWS / longest);
      if (batch > most) {
        throw new RangeError(`batch is ${batch}, it must be at most ${most}: the longest example ` +
          `has ${longest} tokens`);
      }
      return examples;
    }

    prepare({ method, rank, alpha, targets, seed, bits, init, from }) {
      if (from) this.attach(from); // which refuses arrays that don't fit
      this.set_base(bits);
      if (method === 'full') { this.adapter = null; return; }
      const rng = make_rng(seed);
      apply_lora_to_model(this.model, rank, alpha, targets, rng);
      for (const { lora_A, lora_B } of Object.values(adapted_layers(this.model))) {
        if (init === 'both zero') lora_A.numbers.fill(0);
        if (init === 'both random') { // B as A: uniform, of the size that fits its inputs
          const bound = 1 / Math.sqrt(rank);
          lora_B.numbers.forEach((_, i, B) => { B[i] = bound * (2 * rng() - 1); });
        }
      }
      if (from) this.put_first(from);
    }

    // Gradients of all that is trained, in one row: zeros for the first `rank` rows of each A and
    // columns of each B. AdamW leaves their numbers as they are, because it has no decay here.
    hold(row, rank) {
      let at = 0;
      for (const [name, { shape, numbers }] of Object.entries(this.model.trainable_parameters())) {
        const in_A = name.endsWith('lora_A'), columns = shape[1];
        for (let i = 0; i < numbers.length; i++) {
          if ((in_A ? Math.floor(i / columns) : i % columns) < rank) row[at + i] = 0;
        }
        at += numbers.length;
      }
    }

    // An adapter in the first rows of A and columns of B; the others stay as a new adapter's.
    put_first({ rank, arrays }) {
      for (const [name, layer] of Object.entries(adapted_layers(this.model))) {
        layer.lora_A.numbers.set(arrays[`${name}.lora_A`].numbers);
        arrays[`${name}.lora_B`].numbers.forEach((number, i) => {
          layer.lora_B.numbers[Math.floor(i / rank) * layer.rank + (i % rank)] = number;
        });
      }
    }

    // The seconds are those of the steps; measuring in between is not counted.
    async steps({ task, steps, batch, seed, learningRate, measureEvery, from, freeze }, examples,
      helper, report, pause) {
      const optimizer = new AdamW(), losses = [], warmup = Math.floor(steps / 20);
      const began = performance.now();
      let measuring = 0;
      for (let step = 0; step < steps && !this.training.stopped; step++) {
        const [mine, other] = in_halves(draw_examples(examples, step, seed, batch));
        const there = other && helper?.part_of_step(this.trained_row(), other);
        const parts = [part_of_step(this.model, mine)];
        if (other) parts.push(there ? await there : part_of_step(this.model, other));
        if (freeze) for (const { gradients } of parts) this.hold(gradients, from.rank);
        const rate = warmup_cosine(step, steps, learningRate, warmup);
        losses.push(train_on_parts(this.model, optimizer, parts, Math.fround(rate)));
        const said = { step: step + 1, steps, loss: losses[step] };
        if (measureEvery && ((step + 1) % measureEvery === 0 || step + 1 === steps)) {
          const start = performance.now();
          [said.dev, said.factsKept] = await this.measure(task, pause, { few: true, helper });
          measuring += performance.now() - start;
        }
        report(said);
        await pause();
      }
      return { losses, seconds: (performance.now() - began - measuring) / 1000 };
    }

    // All that training changes, in one row.
    trained_row() {
      return joined(Object.values(this.model.trainable_parameters()));
    }

    trained_adapter({ method, rank, alpha, targets, bits, task }) {
      const arrays = method === 'full' ? this.model.parameters() : get_lora_parameters(this.model);
      const taken = Object.entries(arrays).map(([name, array]) =>
        [name, { shape: array.shape, numbers: array.numbers.slice() }]);
      const lora = method === 'full' ? {} : { rank, alpha, targets };
      return { kind: method, task, bits, ...lora, arrays: Object.fromEntries(taken) };
    }

    // [share of answers that are right, share of the base's facts that are kept].  The answers are
    // held-out ones, or a few of dev: what a reader watches is not what is reported.  A style is
    // asked for facts told in its way. A helper counts the facts meanwhile.
    async measure(task, pause, { few = false, helper = null } = {}) {
      const style = this.data.tasks[task]?.style_probes;
      const answers = { task, part: style ? 'style_probes' : few ? 'dev' : 'test', few };
      const facts = { part: 'facts', few }, there = helper?.share_of(this.trained_row(), facts);
      const right = await this.share_of(answers, pause);
      return [right, await (there ?? this.share_of(facts, pause))];
    }

    // null where a task has no such part.
    async share_of({ task, part, few }, pause) {
      const all = part === 'facts' ? this.data.facts : this.data.tasks[task]?.[part];
      if (!all) return null;
      const some = this.ids_of(few ? this.few_of(all) : all);
      const counting = part === 'facts' || part === 'style_probes'
        ? recalled_facts(this.model, this.tokenizer, some) : exact_matches(this.model, some);
      let step = counting.next();
      for (; !step.done; step = counting.next()) await pause(); // others may speak in between
      return step.value / some.length;
    }

    // PROBES of them, evenly spread; the same list each time.
    few_of(all) {
      if (!this.few.has(all)) {
        this.few.set(all, all.filter((_, i) => Math.floor(i * PROBES / all.length)
          !== Math.floor((i - 1) * PROBES / all.length)));
      }
      return this.few.get(all);
    }

    refuse_while_training(what) {
      if (this.training) {
        throw new Error(`${what} has to wait: a training is running, stop it first`);
      }
    }
  }

  // Refuse arrays that are not of these names and shapes.
  function check_arrays(own, given) {
    for (const name of [...Object.keys(given), ...Object.keys(own)]) {
      if (!own[name]) throw new Error(`the adapter has ${name}, which this model has no place for`);
      if (!given[name]) throw new Error(`the adapter lacks ${name}`);
      const { shape, numbers } = given[name], wanted = own[name].shape.join(', ');
      if (shape.join(', ') !== wanted || numbers.length !== own[name].numbers.length) {
        throw new Error(`${name} has shape (${shape.join(', ')}), it must be (${wanted})`);
      }
    }
  }

  function balance(layer) {
    const { lora_A, lora_B, rank } = layer;
    const sorted = balanced(lora_A.numbers, lora_B.numbers, rank, lora_A.columns, lora_B.rows);
    lora_A.numbers.set(sorted.lora_A);
    lora_B.numbers.set(sorted.lora_B);
  }

  // A message channel wakes at once, where a timer would wait four milliseconds; messages that came
  // meanwhile, such as stop, are read before.
  const pause = () => new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { port1.close(); done(); };
    port2.postMessage(null);
  });

  // The other worker, as a training sees it. It holds the same model, gets what training has
  // changed before each step, and gives the gradients of its half of the batch.
  class Helper {
    constructor(port) {
      this.port = port;
      this.waiting = [];
      port.onmessage = ({ data: { result, error } }) => {
        const { done, fail } = this.waiting.shift(); // answers come in the order of the questions
        if (error === undefined) done(result);
        else fail(new Error(error));
      };
    }

    send(message, transfer = []) {
      this.port.postMessage(message, transfer);
      const answer = new Promise((done, fail) => { this.waiting.push({ done, fail }); });
      answer.catch(() => {}); // it may fail while this worker still computes its own half
      return answer;
    }

    prepare(settings) {
      return this.send({ settings });
    }

    part_of_step(row, examples) {
      return this.send({ row, examples }, [row.buffer]);
    }

    share_of(row, part) {
      return this.send({ row, part }, [row.buffer]);
    }
  }

  // The same conversation from the helper's side.
  function assist(lab, port) {
    port.onmessage = async ({ data: { settings, row, examples, part } }) => {
      try {
        if (settings) lab.prepare(settings);
        if (row) set_joined(Object.values(lab.model.trainable_parameters()), row);
        const result = examples ? part_of_step(lab.model, examples)
          : part && await lab.share_of(part, () => {});
        port.postMessage({ result }, examples ? [result.gradients.buffer] : []);
      } catch (error) {
        port.postMessage({ error: error.message });
      }
    };
  }

  function serve(scope) {
    let lab = null;
    const actions = {
      start: ({ data }) => {
        lab = new Lab(data);
        return { kernels: engine.kernels_name, bits: ALL_BITS,
          tasks: Object.keys(data.tasks) };
      },
      ask: ({ prompt, settings }) => lab.ask(prompt, settings),
      next: ({ prompt, settings }) => lab.next(prompt, settings),
      use: ({ adapter }) => lab.use(adapter),
      add_base: ({ base }) => lab.add_base(base),
      help: ({ port }) => { lab.helper = new Helper(port); },
      assist: ({ port }) => assist(lab, port),
      tokens: ({ text }) => lab.tokens(text),
      score: ({ settings }) => lab.score(settings, pause),
      stop: () => { if (lab.training) lab.training.stopped = true; },
      train: ({ id, settings }) =>
        lab.train(settings, (step) => scope.postMessage({ id, step }), pause),
    };
    scope.onmessage = async ({ data: message }) => {
      const { id, action } = message;
      try {
        scope.postMessage({ id, result: await actions[action](message) });
      } catch (error) {
        scope.postMessage({ id, error: error.message });
      }
    };
  }

  return { Lab, serve };
};
