// Writing text: greedy or by chance, with temperature, top-p and a KV cache, as lib/generation.py.
'use strict';

lab_parts.generation = ({ mark, release }) => {

  // Logits (vocabulary) to probabilities, as numbers of their own.  `temperature` divides the
  // logits; `top_p` keeps the fewest tokens whose probabilities reach p together (Holtzman et al.
  // 2019, section 3.1), scaled to a sum of 1.
  function next_token_probabilities(logits, temperature = 1, top_p = 1) {
    check_settings(temperature, top_p);
    const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
    const chances = Float64Array.from(logits, (x) => Math.exp((x - largest) / temperature));
    divide(chances, chances.reduce((a, b) => a + b, 0));
    if (top_p === 1) return chances;
    let before = 0, kept = 0;
    for (const token of ranked(chances)) {
      const chance = chances[token];
      if (before < top_p) kept += chance; // the likeliest token always stays
      else chances[token] = 0;
      before += chance;
    }
    return divide(chances, kept);
  }

  const divide = (numbers, by) => {
    for (let i = 0; i < numbers.length; i++) numbers[i] /= by;
    return numbers;
  };

  // All tokens, the likeliest first; of two that are equally likely, the first.
  const ranked = (chances) =>
    Array.from(chances, (_, token) => token).sort((a, b) => chances[b] - chances[a] || a - b);

  function check_settings(temperature, top_p) {
    if (!(temperature > 0 && Number.isFinite(temperature))) {
      throw new RangeError(`temperature is ${temperature}, it must be finite and above 0`);
    }
    if (!(top_p > 0 && top_p <= 1)) {
      throw new RangeError(`topP is ${top_p}, it must be above 0 and at most 1`);
    }
  }

  function argmax(numbers) {
    let best = 0;
    for (let i = 1; i < numbers.length; i++) if (numbers[i] > numbers[best]) best = i;
    return best;
  }

  // Continue tokens (time) by up to max_new_tokens, which are returned, without the stop token.
  // Temperature 0 takes the likeliest token; above it, tokens are drawn with `rng`.  `see` is
  // called with the logits (vocabulary) of each place, to look at and not to keep.
  function generate(model, tokens, max_new_tokens,
    { temperature = 0, top_p = 1, rng = null, stop_token = null, see = () => {} } = {}) {
    check_settings(temperature || 1, top_p);
    const length = tokens.length + max_new_tokens, context = model.config.context_length;
    if (length > context) {
      throw new RangeError(`${tokens.length} tokens and ${max_new_tokens} new ones make ` +
        `${length}, more than the context of ${context}`);
    }
    const past = model.new_cache(), written = [];
    for (let fresh = tokens; written.length < max_new_tokens; fresh = written.slice(-1)) {
      const before = mark();
      const logits = model.forward(fresh, 1,
        { wanted: [fresh.length - 1], training: false, past }).numbers;
      see(logits);
      const token = choose(logits, temperature, top_p, rng);
      release(before);
      if (token === stop_token) break;
      written.push(token);
    }
    return written;
  }

  function choose(logits, temperature, top_p, rng) {
    if (temperature === 0) return argmax(logits);
    const chances = next_token_probabilities(logits, temperature, top_p);
    let left = rng() * chances.reduce((a, b) => a + b, 0);
    const token = chances.findIndex((chance) => (left -= chance) < 0);
    return token < 0 ? argmax(chances) : token; // rounding left a rest
  }

  return { next_token_probabilities, ranked, argmax, generate };
};
