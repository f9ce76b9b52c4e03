// Memory: what a step of fine-tuning holds, for a known model or a config.json, full and with LoRA.
// Counted as lib/figures/finetuning/cost_scale.py counts; no model is loaded.
'use strict';

lab_panels.memory = (() => {
  // layers, d_model, d_ff, vocabulary, key_value, ups, norm, positions, tied, biases
  const MODELS = { 'this model': [4, 128, 512, 1000, 128, 1, 2, 0, false, false],
    'GPT-2 small': [12, 768, 3072, 50257, 768, 1, 2, 1024, true, true],
    'Llama 3.2 1B': [16, 2048, 8192, 128256, 512, 2, 1, 0, true, false],
    'Llama 2 7B': [32, 4096, 11008, 32000, 4096, 2, 1, 0, false, false],
    'Llama 2 70B': [80, 8192, 28672, 32000, 1024, 2, 1, 0, false, false] };
  const NAMES = ['layers', 'd_model', 'd_ff', 'vocabulary', 'key_value', 'ups', 'norm', 'positions',
    'tied', 'biases', 'query'];
  const PARTS = ['weights', 'gradients', 'optimizer', 'activations', 'logits'];
  const GPUS = [8, 12, 16, 24, 48, 80];
  const size_of = (numbers) => Object.fromEntries(NAMES.map((name, i) => [name, numbers[i] ?? 0]));

  function parameters({ layers, d_model: d, d_ff, vocabulary, key_value: kv, ...size }) {
    const q = size.query || d;
    const block = 2 * d * q + 2 * d * kv + (size.ups + 1) * d * d_ff + 2 * size.norm * d
      + (size.biases ? q + 2 * kv + d + d_ff + d : 0);
    return layers * block + (vocabulary * (size.tied ? 1 : 2) + size.positions) * d + size.norm * d;
  }

  function adapter({ layers, d_model: d, d_ff, key_value: kv, ups, query }, rank, everywhere) {
    const q = query || d, more = everywhere ? (d + kv) + (q + d) + (ups + 1) * (d + d_ff) : 0;
    return layers * rank * ((d + q) + (d + kv) + more);
  }

  // Bytes of activations for each token and block.
  function kept({ d_model: d, d_ff, key_value: kv, ups, query }, everywhere) {
    const all = 4 * d + 2 * (query || d) + 2 * kv + 2 * ups * d_ff;
    const numbers = all - (everywhere ? 0 : d + d_ff);
    return 2 * numbers + (ups === 1 ? 2 * d : 0);
  }

  // Bytes of each part; rank null: full fine-tuning.
  function count(size, tokens,
    { rank = null, everywhere = false, bits = 16, checkpointing = false } = {}) {
    const whole = parameters(size), full = rank === null;
    const trained = full ? whole : adapter(size, rank, everywhere);
    const each = checkpointing ? 2 * size.d_model : kept(size, full || everywhere);
    return [Math.floor((bits * (full ? 0 : whole)) / 8) + 2 * trained, 2 * trained, 12 * trained,
      tokens * each * size.layers, tokens * 8 * size.vocabulary];
  }

  // The sizes in a config.json of Transformers, by the names of Llama and its like, or of GPT-2.
  function read_config(text) {
    let config;
    try {
      config = JSON.parse(text);
      config = config?.text_config ?? config; // where models that also see keep these
    } catch (error) {
      throw new Error(`This is no JSON: ${error.message}`);
    }
    const known = (...names) => names.map((name) => config?.[name]).find((value) => value != null);
    const whole = (...names) => {
      const value = known(...names);
      if (Number.isInteger(value) && value > 0) return value;
      throw new Error(`${names[0]} is ${value ?? 'missing'}, it must be a whole number above 0`);
    };
    const d = whole('hidden_size', 'n_embd'), heads = whole('num_attention_heads', 'n_head');
    const head = known('head_dim') ?? Math.floor(d / heads), gpt2 = config.n_embd !== undefined;
    const gemma = /gemma/.test(config.model_type); // gated, and tied unless it says otherwise
    if (known('num_experts', 'num_local_experts', 'n_routed_experts')) {
      throw new Error('This model has a mixture of experts, which this count does not know.');
    }
    return { layers: whole('num_hidden_layers', 'n_layer'), d_model: d,
      d_ff: gpt2 && !known('n_inner') ? 4 * d : whole('intermediate_size', 'n_inner'),
      vocabulary: whole('vocab_size'), key_value: head * (known('num_key_value_heads') ?? heads),
      ups: gemma || known('hidden_act') === 'silu' ? 2 : 1, norm: gpt2 ? 2 : 1,
      positions: gpt2 ? whole('n_positions') : 0,
      tied: known('tie_word_embeddings') ?? (gpt2 || gemma),
      biases: gpt2 || Boolean(config.attention_bias),
      query: head * heads === d ? 0 : head * heads };
  }

  function written(bytes) {
    const [unit, name] = [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']]
      .find(([least]) => bytes >= 0.9995 * least) ?? [1, 'B'];
    const scaled = bytes / unit;
    const digits = unit === 1 ? 0 : scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
    return `${scaled.toFixed(digits)} ${name}`;
  }

  function fits(bytes) {
    const gpu = GPUS.find((each) => bytes <= 0.9 * each * 2 ** 30);
    return gpu ? `${gpu} GB` : 'more than 80 GB';
  }

  function panel(_, fail) {
    const { h, new_id, slider, choice, table, whole, newest } = lab_panels.kit;
    const change = () => show();
    const model = choice({ label: 'Model', change, value: 'Llama 2 7B',
      options: [...Object.keys(MODELS), 'your own'].map((name) => [name, name]) });
    const own = h('textarea', { id: new_id(), spellcheck: 'false', oninput: change,
      placeholder: 'Paste the config.json of a model here' });
    const place = h('div', {}, h('label', { for: own.id }, 'Its config.json'), own);
    const tokens = slider({ label: 'Tokens at once', value: 2048, format: whole, change,
      values: [256, 512, 1024, 2048, 4096, 8192, 16384, 32768] });
    const rank = slider({ label: 'Rank', value: 8, change,
      values: [1, 2, 4, 8, 16, 32, 64, 128, 256] });
    const options = (label, names) =>
      choice({ label, options: names.map((name) => [name, name]), value: names[0], change });
    const targets = options('Matrices with an adapter', ['all linear', 'query and value']);
    const bits = options('Bits of a frozen weight', ['16', '8', '4']);
    const again = options('Gradient checkpointing', ['on', 'off']);
    const head = h('p', { class: 'lab-head' }), bars = h('div', { class: 'lab-stacks' });
    const list = table(['part', 'full fine-tuning', 'LoRA'], 'Memory of a step, by parts');
    const live = h('p', { class: 'lab-hidden', role: 'status' });

    const show = newest(async () => {
      place.hidden = model.value !== 'your own';
      try {
        const size = place.hidden ? size_of(MODELS[model.value]) : read_config(own.value);
        const checkpointing = again.value === 'on';
        const full = count(size, tokens.value, { checkpointing });
        const lora = count(size, tokens.value, { rank: rank.value, bits: Number(bits.value),
          everywhere: targets.value === 'all linear', checkpointing });
        const [most, less] = [full, lora].map((parts) => parts.reduce((a, b) => a + b, 0));
        head.textContent = `${whole(parameters(size))} parameters: by count LoRA takes ` +
          `${written(less)}, ${Math.round(100 * (1 - less / most))}% less`;
        bars.replaceChildren(...[['full', full], ['lora', lora]].map(([name, parts]) =>
          h('div', { class: `lab-stack lab-of-${name}`, 'aria-hidden': 'true' },
            parts.map((part, i) => h('i', { class: `lab-${PARTS[i]}`,
              style: `width:${(100 * part) / most}%` })))));
        list.body.replaceChildren();
        PARTS.forEach((name, i) => list.row([h('span', {}, ['full', 'lora'].map((way) =>
          h('span', { class: `lab-of-${way}` }, h('i', { class: `lab-key lab-${name}` }))), name),
        written(full[i]), written(lora[i])], false));
        list.row(['in all', written(most), written(less)], false);
        list.row(['smallest GPU, by count (PyTorch takes more)', fits(most), fits(less)], false);
        fail(null);
        setTimeout(() => { live.textContent = head.textContent; }, 400);
      } catch (error) { // figures of an earlier model must not stand under this one
        head.textContent = '';
        bars.replaceChildren();
        list.body.replaceChildren();
        fail(own.value || !/JSON/.test(error.message) ? error : null);
      }
    });
    show();
    return [model.element, place, h('div', { class: 'lab-controls' }, tokens.element, rank.element),
      h('div', { class: 'lab-choices' }, targets.element, bits.element, again.element),
      head, bars, list.element, live];
  }

  return Object.assign(panel, { prepare: async () => {}, MODELS, size_of, count, read_config,
    written, fits });
})();
