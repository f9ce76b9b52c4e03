// What the tests' page adds to the book's scripts: both engines, and arrays to and from Python.
'use strict';

var bridge = (() => {
  const built = {};

  // The engine over 'wasm' or 'js', once a page.
  function engine(kernels) {
    const bytes = () => lab_parts.quantise({}).bytes_of(lab_data.wasm);
    built[kernels] ??= lab.build_engine(kernels === 'wasm' ? bytes() : null);
    return built[kernels];
  }

  const base64 = (view) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength), parts = [];
    for (let at = 0; at < bytes.length; at += 32768) {
      parts.push(String.fromCharCode(...bytes.subarray(at, at + 32768)));
    }
    return btoa(parts.join(''));
  };

  // {array: base64, shape} anywhere in a value becomes {shape, numbers}.
  function unpack(value) {
    if (Array.isArray(value)) return value.map(unpack);
    if (!value || typeof value !== 'object') return value;
    if (value.array === undefined) {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unpack(each)]));
    }
    const bytes = lab_parts.quantise({}).bytes_of(value.array);
    const numbers = value.dtype === '|u1' ? bytes : new Float32Array(bytes.buffer);
    return { shape: value.shape, numbers };
  }

  // The way back: typed arrays, matrices and {shape, numbers} become {array, shape, dtype}.
  function pack(E, value) {
    if (value instanceof E.Matrix) {
      return pack(E, { shape: value.shape, numbers: E.copy(value).numbers });
    }
    if (ArrayBuffer.isView(value)) return pack(E, { shape: [value.length], numbers: value });
    if (Array.isArray(value)) return value.map((each) => pack(E, each));
    if (!value || typeof value !== 'object') return value;
    if (ArrayBuffer.isView(value.numbers)) {
      const dtypes = { Float32Array: '<f4', Float64Array: '<f8', Uint8Array: '|u1' };
      return { array: base64(value.numbers), shape: value.shape,
        dtype: dtypes[value.numbers.constructor.name] };
    }
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, pack(E, each)]));
  }

  // A matrix of the engine's own with these numbers.
  function matrix(E, { shape, numbers }) {
    if (shape.length === 1) return E.vector(numbers);
    const made = E.matrix(...shape);
    made.numbers.set(numbers);
    return made;
  }

  // A model with these arrays, with adapters if `lora` has {rank, alpha, targets, arrays}.
  function model(E, config, arrays, lora = null) {
    const made = new E.GPTModel(config), set = (own, given) => {
      for (const [name, { numbers }] of Object.entries(given)) own[name].numbers.set(numbers);
    };
    set(made.parameters(), arrays);
    if (lora) {
      E.apply_lora_to_model(made, lora.rank, lora.alpha, lora.targets, () => 0);
      set(E.get_lora_parameters(made), lora.arrays);
    }
    return made;
  }

  // Runs code with {E, given}, leaves the engine's memory as it was, and packs what it returned.
  async function run(kernels, code, given) {
    const E = engine(kernels), before = E.mark();
    try {
      return pack(E, await new Function('E', 'given', 'bridge', `return (async () => {${code}})()`)(
        E, unpack(given), bridge));
    } finally {
      E.release(before);
    }
  }

  return { engine, matrix, model, run };
})();
