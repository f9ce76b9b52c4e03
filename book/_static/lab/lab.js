// window.lab: the course's model in this page, for those who click and for those who script it.
//
//   await lab.ready                    starts it; {kernels, bits, tasks, adapters}: the book's own
//   await lab.ask(prompt, {strength, rank, off, n, temperature, topP, seed})
//                                      {text, top: [[token, probability], ...]}; off: parts that
//                                      add nothing, as ['attention 1', 'feed-forward 2', 'head 1.3']
//   await lab.next(prompt, {strength, rank, temperature, topP})
//                                      {top: [[token, probability, after the cut], ...], kept,
//                                      entropy}
//   await lab.tokens(text)             the pieces that the tokenizer makes of it
//   await lab.tokenizer()              the tokenizer itself, without the model
//   await lab.score({task, strength})  {heldOut, factsKept} of what is in use
//   await lab.train({task | pairs, method, rank, alpha, learningRate, targets, steps, batch, seed,
//                    bits, init, from, measureEvery, score, workers}, onStep)
//                                      {losses, heldOut, factsKept, seconds, stopped, adapter};
//                                      the adapter is in use afterwards
//   lab.stop()                         ends a training after its step
//   await lab.use(adapter | null)      puts an adapter on, or takes it off
//   lab.save(adapter)                  Uint8Array, a safetensors file
//   lab.load(bytes)                    the adapter in such a file
//   lab.mix([[adapter, weight], ...])  one adapter, the weighted sum of several
//   await lab.start('js')              as ready, but without WebAssembly; before all else
//   lab.build_engine(bytes | null)     all parts, on the page's own thread: for tests and measuring
//
// All but save, load and mix are promises; what goes wrong is an Error that names the value and
// what is allowed.  Nothing starts, and no data is read, before `ready` or a method is first used.

(() => {
  'use strict';
  // In the order in which they need each other; the last one runs in the worker alone.
  const PARTS = ['kernels', 'layers', 'attention', 'model', 'lora', 'svd', 'optim', 'training',
    'generation', 'tokenizer', 'evaluation', 'quantise', 'safetensors', 'mixing', 'settings',
    'worker'];
  const FOLDER = new URL('.', document.currentScript.src).href;

  // All that the parts give, in one object. wasm: bytes of the kernels, or nothing for JavaScript.
  function build_engine(parts, names, wasm) {
    return names.reduce((engine, name) => Object.assign(engine, parts[name](engine)), { wasm });
  }

  // The worker's source, from the parts themselves: a page from the disk may load no second file.
  function worker_source() {
    const parts = PARTS.map((name) => `${name}: ${lab_parts[name]}`).join(',\n');
    return `'use strict';
const parts = {${parts}};
const names = ${JSON.stringify(PARTS)};
${build_engine}
onmessage = (first) => {
  let engine;
  try {
    engine = build_engine(parts, names, first.data.wasm);
  } catch {  // a page's rules may forbid WebAssembly: the same in JavaScript
    engine = build_engine(parts, names, null);
  }
  engine.serve(self);
  self.onmessage(first);
};`;
  }

  // Data is a script too, which sets a variable; loaded now unless the page has it.
  function load(variable, file) {
    if (window[variable]) return Promise.resolve(window[variable]);
    return new Promise((done, fail) => {
      const script = document.createElement('script');
      script.src = FOLDER + file;
      script.onload = () => done(window[variable]);
      script.onerror = () => {
        fail(new Error(`the model's data could not be loaded from ${script.src}`));
      };
      document.head.append(script);
    });
  }

  const waiting = new Map(); // by the number of the message
  let worker = null, count = 0, ready = null;

  function send(action, content = {}, { onStep = () => {}, to = worker, transfer = [] } = {}) {
    return new Promise((done, fail) => {
      count += 1;
      waiting.set(count, { done, fail, onStep });
      to.postMessage({ id: count, action, ...content }, transfer);
    });
  }

  function receive({ data: { id, result, error, step } }) {
    const { done, fail, onStep } = waiting.get(id);
    if (step) { onStep(step); return; }
    waiting.delete(id);
    if (error === undefined) done(result);
    else fail(new Error(error));
  }

  // kernels: 'wasm', or 'js' to do without WebAssembly.
  async function start(kernels = 'wasm') {
    const data = await load('lab_data', 'lab-data.js'), { bytes_of } = lab_parts.quantise({});
    first_message = { data, wasm: kernels === 'wasm' ? bytes_of(data.wasm) : null };
    worker = new_worker();
    return { ...await send('start', first_message), adapters: shipped_adapters(data) };
  }

  let first_message = null;

  function new_worker() {
    const url = URL.createObjectURL(new Blob([worker_source()], { type: 'text/javascript' }));
    const made = new Worker(url);
    made.onmessage = receive;
    made.onerror = (event) => {
      const error = new Error(`the model stopped: ${event.message}`);
      for (const { fail } of waiting.values()) fail(error);
      waiting.clear();
    };
    return made;
  }

  // A second worker with the same model, which computes half of each batch; the two talk directly.
  let helper = null;
  function with_helper() {
    helper ??= (async () => {
      const second = new_worker(), { port1, port2 } = new MessageChannel();
      await send('start', first_message, { to: second });
      await send('assist', { port: port1 }, { to: second, transfer: [port1] });
      await send('help', { port: port2 }, { transfer: [port2] });
      return second;
    })();
    return helper;
  }

  // The base at 16 bits weighs twice as much as all the rest, so it is loaded when it is asked for.
  let float16 = null;
  function with_float16() {
    float16 ??= load('lab_float16', 'lab-float16.js').then((base) => send('add_base', { base }))
      .catch((error) => { float16 = null; throw error; });
    return float16;
  }

  async function train(settings, onStep) {
    await started();
    const workers = settings.workers ?? (navigator.hardwareConcurrency >= 2 ? 2 : 1);
    if (settings.bits === 16) await with_float16();
    if (workers === 2) {
      const second = await with_helper();
      if (settings.bits === 16) {
        await send('add_base', { base: window.lab_float16 }, { to: second });
      }
    }
    return send('train', { settings: { ...settings, workers } }, { onStep });
  }

  // On the page's own thread: its data weighs a few kilobytes, and no model starts.
  async function tokenizer() {
    const { BPETokenizer } = lab_parts.tokenizer();
    return new BPETokenizer(await load('lab_merges', 'lab-merges.js'));
  }

  // {name: adapter} of those that came with the book.
  function shipped_adapters(data) {
    const { bytes_of_letters, decode_arrays } = lab_parts.quantise({});
    return Object.fromEntries(Object.entries(data.adapters).map(([name, shipped]) => {
      const { arrays, numbers, ...adapter } = shipped;
      const found = decode_arrays(arrays, bytes_of_letters(numbers));
      adapter.arrays = Object.fromEntries(arrays.map(([array, shape]) =>
        [array, { shape, numbers: found[array] }]));
      return [name, adapter];
    }));
  }

  function started(kernels) {
    ready ??= start(kernels).catch((error) => {
      ready = null; // so that another try is possible
      throw error;
    });
    return ready;
  }

  // Texts as JSON, since a file's metadata holds nothing but texts.
  function save(adapter) {
    if (!adapter || !adapter.arrays) {
      throw new Error(`adapter is ${adapter}, it must be one that train or load gave`);
    }
    const { kind, rank, alpha, targets, bits } = adapter;
    const texts = { kind, bits: JSON.stringify(bits) };
    if (kind === 'lora') {
      Object.assign(texts, { rank: JSON.stringify(rank), alpha: JSON.stringify(alpha),
        target_modules: JSON.stringify(targets) });
    }
    return lab_parts.safetensors({}).write_safetensors(adapter.arrays, texts);
  }

  function read(bytes) {
    if (!(bytes instanceof Uint8Array)) {
      throw new Error(`bytes is ${bytes}, it must be a Uint8Array, the content of a file`);
    }
    const { arrays, metadata } = lab_parts.safetensors({}).read_safetensors(bytes);
    const { kind, bits = 'null', rank, alpha, target_modules } = metadata;
    if (kind !== 'lora' && kind !== 'full') {
      throw new Error(`the file's kind is ${kind}, it must be lora or full`);
    }
    if (kind === 'full') return { kind, bits: JSON.parse(bits), arrays };
    try {
      return { kind, bits: JSON.parse(bits), rank: JSON.parse(rank), alpha: JSON.parse(alpha),
        targets: JSON.parse(target_modules), arrays };
    } catch (error) {
      throw new Error(`the file lacks rank, alpha or target_modules: ${error.message}`);
    }
  }

  window.lab = {
    get ready() { return started(); },
    start: started,
    ask: async (prompt, settings = {}) => {
      await started();
      return send('ask', { prompt, settings });
    },
    next: async (prompt, settings = {}) => {
      await started();
      return send('next', { prompt, settings });
    },
    train: (settings = {}, onStep = undefined) => train(settings, onStep),
    stop: async () => { await started(); return send('stop'); },
    tokens: async (text) => { await started(); return send('tokens', { text }); },
    tokenizer,
    score: async (settings = {}) => { await started(); return send('score', { settings }); },
    use: async (adapter) => {
      await started();
      if (adapter?.bits === 16) await with_float16();
      return send('use', { adapter });
    },
    save,
    load: read,
    mix: lab_parts.mixing().mix,
    build_engine: (wasm) => build_engine(lab_parts, PARTS, wasm),
  };
})();
