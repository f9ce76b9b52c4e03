// Cache: what a model keeps of the tokens that it has read, by its heads of keys and values or its
// latent vector, and by how many of its layers keep all tokens; and what an adapter beside all its
// linear layers has.
// Counted as book/modern.md counts; no model is loaded.
'use strict';

lab_panels.cache = (() => {
  // layers, query heads, heads of keys and values, numbers of a head, parameters, width, width of
  // the feed-forward layer; 2 bytes a number
  const MODELS = { 'SmolLM2-135M': [30, 9, 3, 64, 134_515_008, 576, 1536],
    'Llama 3 8B': [32, 32, 8, 128, 8_030_261_248, 4096, 14_336],
    'Qwen3 8B': [36, 32, 8, 128, 8_190_735_360, 4096, 12_288] };
  // layers, numbers that stay of a token in each, parameters, numbers of an adapter of rank 1, and
  // those of them beside experts, of which 8 are picked for a token
  const LATENT = { 'DeepSeek-V3': [61, 576, 671_025_397_760, 418_414_400, 412_121_088] };
  const PICKED = 8;
  // up to 8,192 tokens each is twice the one before, and then 4,096 more
  const TOKENS = [128, 256, 512, 1024, 2048, 4096, ...Array.from({ length: 31 },
    (_, i) => 8192 + 4096 * i)];
  const BYTES = 2, WINDOW = 1024, EACH = 6; // with windows each sixth layer keeps all tokens

  // Bytes that stay of one token where all layers keep it.
  function count(name, shared) {
    if (LATENT[name]) return LATENT[name][0] * LATENT[name][1] * BYTES;
    const [layers, , , head] = MODELS[name];
    return 2 * layers * shared * head * BYTES;
  }
  // Bytes of a text whose last tokens alone stay in the layers with a window.
  function windowed(name, shared, tokens) {
    const [layers] = LATENT[name] ?? MODELS[name], whole = Math.floor(layers / EACH);
    const kept = whole * tokens + (layers - whole) * Math.min(tokens, WINDOW);
    return (kept * count(name, shared)) / layers;
  }
  const weights = (name) => BYTES * (LATENT[name]?.[2] ?? MODELS[name][4]);
  // Numbers of an adapter: of a pair, rank times the matrix's inputs and outputs; beside experts
  // the pairs may have another rank.
  function adapter(name, shared, rank, experts = rank) {
    if (LATENT[name]) return rank * LATENT[name][3] + (experts - rank) * LATENT[name][4];
    const [layers, heads, , head, , width, hidden] = MODELS[name];
    const ends = [heads, shared, shared, heads].map((each) => width + each * head);
    return layers * rank * (ends.reduce((a, b) => a + b) + 3 * (width + hidden));
  }
  const divisors = (heads) => Array.from({ length: heads }, (_, i) => i + 1)
    .filter((i) => heads % i === 0);

  function written(bytes) {
    const [unit, name] = [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB']]
      .find(([least]) => bytes >= 0.9995 * least) ?? [1e3, 'kB'];
    const scaled = bytes / unit;
    return `${scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0)} ${name}`;
  }

  function panel() {
    const { h, slider, choice, table, whole } = lab_panels.kit;
    const start = 'Llama 3 8B';
    const options = (name) => (LATENT[name]
      ? [['latent', 'one vector of 576 numbers, as published']] : divisors(MODELS[name][1]).map((each) => [String(each),
      each === MODELS[name][2] ? `${each}, as published` : String(each)]));
    const published = (name) => (LATENT[name] ? 'latent' : String(MODELS[name][2]));
    const model = choice({ label: 'Model', value: start, change: (name) => {
      shared.fill(options(name), published(name));
      show();
    }, options: Object.keys({ ...MODELS, ...LATENT }).map((name) => [name, name]) });
    const tokens = slider({ label: 'Tokens of one text', value: 8_192, format: whole,
      change: () => show(), values: TOKENS });
    const shared = choice({ label: 'Heads of keys and values', options: options(start),
      value: published(start), change: () => show() });
    const layers = choice({ label: 'Layers keep', value: 'all', change: () => show(), options: [
      ['all', 'all tokens'], ['window', 'five of six: the last 1,024 tokens']] });
    const rank = slider({ label: 'Rank of an adapter on all linear layers', value: 8,
      change: () => show(), values: Array.from({ length: 8 }, (_, i) => 2 ** i) });
    const head = h('p', { class: 'lab-head' }), bars = h('div', {});
    const list = table(['what', 'how much'], 'Weights, cache and adapter');
    const live = h('p', { class: 'lab-hidden', role: 'status' });

    function show() {
      const name = model.value, each = count(name, Number(shared.value));
      const whole_text = tokens.value * each;
      const cache = layers.value === 'all' ? whole_text
        : windowed(name, Number(shared.value), tokens.value);
      const most = Math.max(cache, weights(name));
      const texts = weights(name) / cache;
      head.textContent = `The cache of ${whole(tokens.value)} tokens is ${written(cache)}`;
      bars.replaceChildren(...[['weights', weights(name)], ['cache', cache]]
        .map(([kind, bytes]) => h('div', { class: 'lab-stack', 'aria-hidden': 'true' },
          h('i', { class: `lab-${kind}`, style: `width:${(100 * bytes) / most}%` }))));
      list.body.replaceChildren();
      const key = (kind, words) => h('span', {}, h('i', { class: `lab-key lab-${kind}` }), words);
      list.row([key('weights', 'weights, 2 bytes a number'), written(weights(name))], false);
      list.row([key('cache', 'cache of one text'), written(cache)], false);
      list.row(['one token, in all layers', `${whole(each)} bytes`], false);
      const divided = Math.max(1, rank.value / PICKED);
      for (const experts of new Set(LATENT[name] ? [rank.value, divided] : [rank.value])) {
        const numbers = adapter(name, Number(shared.value), rank.value, experts);
        list.row([LATENT[name] ? `adapter, rank ${experts} beside each expert` : 'adapter',
          `${whole(numbers)} numbers, ${written(BYTES * numbers)}`], false);
      }
      list.row(['texts that weigh as much as the model',
        texts < 9.95 ? texts.toFixed(1) : whole(Math.round(texts))], false);
      setTimeout(() => { live.textContent = head.textContent; }, 400);
    }
    show();
    return [model.element, h('div', { class: 'lab-controls' }, tokens.element, rank.element),
      shared.element, layers.element, head, bars, list.element, live];
  }

  return Object.assign(panel, { prepare: async () => {}, MODELS, LATENT, count, windowed, weights,
    adapter });
})();
