// window.lab: the course's model in this page, for those who click and for those who script it.
//
//   await lab.ready                    starts it; {kernels, bits, tasks, adapters}: the book's own
//   await lab.ask(prompt, {strength, rank, n, temperature, topP, seed})
//                                      {text, top: [[token, probability], ...]}
//   await lab.tokens(text)             the pieces that the tokenizer makes of it
//   await lab.score({task, strength})  {heldOut, factsKept} of what is in use
//   await lab.train({task | pairs, method, rank, alpha, learningRate, targets, steps, batch, seed,
//                    bits, init, measureEvery}, onStep)
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
  const DATA = new URL('lab-data.js', document.currentScript.src).href;

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

  // The data is a script too; loaded now unless the page has it.
  function load_data() {
    if (window.lab_data) return Promise.resolve(window.lab_data);
    return new Promise((done, fail) => {
      const script = document.createElement('script');
      script.src = DATA;
      script.onload = () => done(window.lab_data);
      script.onerror = () => fail(new Error(`the model's data could not be loaded from ${DATA}`));
      document.head.append(script);
    });
  }

  const waiting = new Map(); // by the number of the message
  let worker = null, count = 0, ready = null;

  function send(action, content = {}, onStep = () => {}) {
    return new Promise((done, fail) => {
      count += 1;
      waiting.set(count, { done, fail, onStep });
      worker.postMessage({ id: count, action, ...content });
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
    const data = await load_data();
    const url = URL.createObjectURL(new Blob([worker_source()], { type: 'text/javascript' }));
    worker = new Worker(url);
    worker.onmessage = receive;
    worker.onerror = (event) => {
      const error = new Error(`the model stopped: ${event.message}`);
      for (const { fail } of waiting.values()) fail(error);
      waiting.clear();
    };
    const { bytes_of } = lab_parts.quantise({});
    const wasm = kernels === 'wasm' ? bytes_of(data.wasm) : null;
    return { ...await send('start', { data, wasm }), adapters: shipped_adapters(data) };
  }

  // {name: adapter} of those that came with the book.
  function shipped_adapters(data) {
    const { bytes_of, decode_arrays } = lab_parts.quantise({});
    return Object.fromEntries(Object.entries(data.adapters).map(([name, shipped]) => {
      const { arrays, numbers, ...adapter } = shipped;
      const found = decode_arrays(arrays, bytes_of(numbers));
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

  function load(bytes) {
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
    train: async (settings = {}, onStep = undefined) => {
      await started();
      return send('train', { settings }, onStep);
    },
    stop: async () => { await started(); return send('stop'); },
    tokens: async (text) => { await started(); return send('tokens', { text }); },
    score: async (settings = {}) => { await started(); return send('score', { settings }); },
    use: async (adapter) => { await started(); return send('use', { adapter }); },
    save,
    load,
    mix: lab_parts.mixing().mix,
    build_engine: (wasm) => build_engine(lab_parts, PARTS, wasm),
  };
})();
