// What a page may ask for, checked before anything is done: an error names the value and what is
// allowed.
'use strict';

lab_parts.settings = ({ TARGETS }) => {
  const BLOCK_TARGETS = TARGETS.slice(0, 6); // every matrix of the blocks
  const METHODS = ['lora', 'full'];
  const INITS = ['B zero', 'both zero', 'both random']; // how A and B start; the first is LoRA's
  const MOST_ROWS = 1024; // tokens of a batch, padding included: more take long and much memory
  const LONGEST = 64; // tokens of an example; longer texts are cut

  const fail = (name, value, allowed) => {
    const shown = typeof value === 'number' ? String(value) : JSON.stringify(value);
    throw new RangeError(`${name} is ${shown}, it must be ${allowed}`);
  };

  function check_whole(name, value, least, most) {
    if (!(Number.isInteger(value) && value >= least && value <= most)) {
      fail(name, value, `a whole number from ${least} to ${most}`);
    }
  }

  function check_number(name, value, least, most, words = `a number from ${least} to ${most}`) {
    if (!(typeof value === 'number' && value >= least && value <= most)) fail(name, value, words);
  }

  function check_known(name, value, allowed) {
    if (!allowed.includes(value)) fail(name, value, `one of ${allowed.join(', ')}`);
  }

  function check_names(settings, known) {
    const odd = Object.keys(settings).find((name) => !(name in known));
    if (odd !== undefined) {
      const allowed = Object.keys(known).join(', ');
      throw new RangeError(`there is no setting ${odd}: allowed are ${allowed}`);
    }
  }

  function check_each(name, value, allowed) {
    if (!(Array.isArray(value) && value.every((each) => allowed.includes(each)))) {
      fail(name, value, `a list of names from ${allowed.join(', ')}`);
    }
  }

  // What `ask` was given, whole. rank: null for the trained one.
  function ask_settings(prompt, given, context_length) {
    const known = { strength: 1, rank: null, n: 32, temperature: 0, topP: 1, seed: 0, off: [] };
    if (typeof prompt !== 'string') fail('prompt', prompt, 'a text');
    check_names(given, known);
    const all = { ...known, ...given };
    check_number('strength', all.strength, -10, 10);
    if (all.rank !== null) check_whole('rank', all.rank, 1, 64);
    check_whole('n', all.n, 1, context_length - 1);
    check_number('temperature', all.temperature, 0, 100);
    check_number('topP', all.topP, Number.MIN_VALUE, 1, 'above 0 and at most 1');
    check_whole('seed', all.seed, 0, 2 ** 31 - 1);
    return all;
  }

  // What `next` was given, whole.
  function next_settings(prompt, given) {
    const known = { strength: 1, rank: null, temperature: 1, topP: 1 };
    if (typeof prompt !== 'string') fail('prompt', prompt, 'a text');
    check_names(given, known);
    const all = { ...known, ...given };
    check_number('strength', all.strength, -10, 10);
    if (all.rank !== null) check_whole('rank', all.rank, 1, 64);
    check_number('temperature', all.temperature, 1e-3, 100);
    check_number('topP', all.topP, Number.MIN_VALUE, 1, 'above 0 and at most 1');
    return all;
  }

  // What `train` was given, whole. The defaults reach nine of ten held-out answers of qa.
  function train_settings(given, tasks, bits_allowed) {
    const known = { task: 'qa', pairs: null, method: 'lora', rank: 4, alpha: 8, learningRate: null,
      targets: BLOCK_TARGETS, steps: 60, batch: 8, seed: 0, bits: 8,
      init: INITS[0], from: null, freeze: false, measureEvery: 0, score: true, workers: 1 };
    check_names(given, known);
    const all = { ...known, ...given };
    if (all.from !== null) Object.assign(all, begun(all.from, given));
    if (all.pairs !== null) {
      if (given.task !== undefined) fail('task', given.task, 'left out where pairs are given');
      all.task = null;
      check_pairs(all.pairs);
    } else check_known('task', all.task, tasks);
    check_known('method', all.method, METHODS);
    check_whole('rank', all.rank, 1, 64);
    check_number('alpha', all.alpha, Number.MIN_VALUE, 1e6, 'above 0 and at most 1000000');
    all.learningRate ??= all.method === 'full' ? 3e-4 : 5e-3; // as the library's
    check_number('learningRate', all.learningRate, 0, 10);
    check_whole('steps', all.steps, 1, 2000);
    check_whole('batch', all.batch, 1, MOST_ROWS);
    check_whole('seed', all.seed, 0, 2 ** 31 - 1);
    check_known('bits', all.bits, bits_allowed);
    check_known('init', all.init, INITS);
    check_whole('measureEvery', all.measureEvery, 0, 2000);
    check_known('score', all.score, [true, false]);
    check_known('freeze', all.freeze, [true, false]);
    if (all.freeze && !(all.from && all.rank > all.from.rank)) {
      fail('freeze', true, 'false where no new rows stand beside an adapter in from');
    }
    check_whole('workers', all.workers, 1, 2);
    return all;
  }

  // What a training takes from the adapter that it goes on with. Its rank can grow, by a new half
  // beside the old one; its alpha / r stays, so that the old numbers mean the same.
  function begun(from, given) {
    if (from?.kind !== 'lora') fail('from', from, 'a LoRA adapter, or null');
    for (const name of ['method', 'alpha', 'targets', 'init']) {
      if (given[name] !== undefined) fail(name, given[name], 'left out where from is given');
    }
    const { rank = from.rank } = given;
    check_whole('rank', rank, from.rank, 64);
    return { rank, alpha: (from.alpha * rank) / from.rank, targets: from.targets };
  }

  // What `score` was given, whole.
  function score_settings(given, tasks) {
    const known = { task: 'qa', strength: 1 };
    check_names(given, known);
    const all = { ...known, ...given };
    check_known('task', all.task, tasks);
    check_number('strength', all.strength, -10, 10);
    return all;
  }

  function check_pairs(pairs) {
    if (!Array.isArray(pairs) || !pairs.length) fail('pairs', pairs, 'a list of [prompt, answer]');
    pairs.forEach((pair, i) => {
      const fits = Array.isArray(pair) && pair.length === 2
        && pair.every((text) => typeof text === 'string' && text.length > 0);
      if (!fits) fail(`pair ${i + 1}`, pair, '[prompt, answer], two texts that are not empty');
    });
  }

  return { LONGEST, MOST_ROWS, ask_settings, next_settings, train_settings, score_settings,
    check_each };
};
