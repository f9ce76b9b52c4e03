// Train: every setting of a fine-tuning, its course live, earlier runs kept to compare.
'use strict';

// A chapter's panel names the controls that it has, in `only` (`none`: the button alone), and what
// the others are set to.
lab_panels.train = ({ question = 'What is the capital of Japan?', task: task_name = 'qa',
  method: method_name = 'lora', rank = '4', alpha = '8', rate: first_rate = null,
  steps: count = '60', batch: size = '8', targets: kinds = '', only = '',
  loraRate = '0.005' }, fail) => {
  const { h, slider, choice, button, table, percent, whole, prompt_of, on, ask, train, TASKS } =
    lab_panels.kit;
  const TARGETS = ['query', 'key', 'value', 'output', 'ffn_up', 'ffn_down'];
  const powers = (most) => Array.from({ length: most + 1 }, (_, i) => 2 ** i);

  const task = choice({ label: 'Task', options: TASKS, value: task_name });
  const method = choice({ label: 'Train', options: [['lora', 'LoRA'], ['full', 'every weight']],
    value: method_name, change: (value) => fit(value) });
  const ranks = slider({ label: 'Rank r', values: powers(6), value: Number(rank) });
  const alphas = slider({ label: 'α', values: powers(7), value: Number(alpha) });
  const rate = slider({ label: 'Learning rate', value: 5e-3,
    values: [1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1] });
  const steps = slider({ label: 'Steps', values: [20, 40, 60, 75, 100, 150, 200, 300],
    value: Number(count) });
  const batch = slider({ label: 'Batch', values: [2, 4, 8, 16], value: Number(size) });
  const seed = slider({ label: 'Seed', values: [...Array(10).keys()], value: 0 });
  const targets = choice({ label: 'Matrices with an adapter',
    value: kinds ? kinds.split(' ') : TARGETS,
    options: TARGETS.map((name) => [name, name]), several: true });
  const bits = choice({ label: 'Base in', value: '8', options: [['16', '16 bits (loads 2 MB)'],
    ['8', '8 bits'], ['4', '4 bits (QLoRA)']] });
  const workers = choice({ label: 'Processor cores', options: [['1', 'one'], ['2', 'two']],
    value: navigator.hardwareConcurrency >= 2 ? '2' : '1' });

  // Full fine-tuning wants a lower rate, and has no adapter to choose.
  function fit(value) {
    rate.set(value === 'full' ? 3e-4 : Number(loraRate));
    [ranks, alphas, targets].forEach((control) => { control.disabled = value === 'full'; });
  }
  fit(method_name);
  if (first_rate !== null) rate.set(Number(first_rate));

  const go = button('Train', start, { class: 'lab-go' });
  const stop = button('Stop', () => lab.stop(), { disabled: true });
  const meters = { dev: meter('New task', 'lab-task'),
    factsKept: meter('Old facts kept', 'lab-facts') };
  const answer = h('span', { class: 'lab-quote' }, '…');
  const state = h('p', { class: 'lab-note', role: 'status' }, 'Nothing was trained yet.');
  const plot = lab_panels.plot();
  const runs = table(['run', 'settings', 'loss, last batch', 'held-out right', 'facts kept', 'time',
    'numbers trained'], 'Runs of this page');
  runs.element.hidden = plot.element.hidden = true;

  function meter(words, classes) {
    const bar = h('i'), value = h('b', {}, '–');
    const own = h('div', { class: `lab-meter ${classes}` }, h('span', {}, words), value,
      h('span', { class: 'lab-bar' }, bar));
    return { element: own,
    set: (share) => { // texts such as recipes have no answers to count
      own.hidden = share === null;
      value.textContent = percent(share);
      bar.style.width = `${100 * (share ?? 0)}%`;
    } };
  }

  function settings() {
    const lora = method.value === 'lora'
      ? { rank: ranks.value, alpha: alphas.value, targets: targets.value } : {};
    return { task: task.value, method: method.value, learningRate: rate.value, steps: steps.value,
      batch: batch.value, seed: seed.value, bits: Number(bits.value),
      workers: Number(workers.value), ...lora,
      measureEvery: Math.ceil(steps.value / 6) };
  }

  const words_of = (given) => [given.task === 'qa' ? 'questions' : given.task,
    given.method === 'lora' ? `r ${given.rank}, α ${given.alpha}` : 'every weight',
    `rate ${given.learningRate}`, `seed ${given.seed}`, given.bits === 8 ? null : `${given.bits} bits`,
    given.targets && given.targets.length < 6 ? given.targets.join(' ') : null]
    .filter((part) => part !== null).join(', ');

  async function start() {
    fail(null);
    const given = settings();
    const run = { name: `run ${plot.runs.length + 1}`, method: given.method, losses: [], probes: [],
      steps: given.steps };
    let asking = false;
    // The answer changes while it trains; one question at a time.
    const watch = async (entry = null) => {
      if (asking) return;
      asking = true;
      const found = await ask(entry, prompt_of(question), { n: 12 }).catch(() => null);
      if (found) answer.textContent = found.text.trim() || '(it stops at once)';
      asking = false;
    };
    try {
      const done = train(`${run.name}`, given, (step) => {
        if (!run.losses.length) {
          plot.runs.push(run);
          plot.element.hidden = false;
        }
        run.losses.push(step.loss);
        if (step.factsKept !== undefined) {
          run.probes.push(step);
          Object.entries(meters).forEach(([key, each]) => each.set(step[key]));
        }
        state.textContent = `Step ${step.step} of ${step.steps}, loss ${step.loss.toFixed(3)}`;
        plot.redraw();
        if (step.step % 4 === 1) watch();
      });
      const { run: result, entry } = await done;
      finish(run, given, result);
      watch(entry);
    } catch (error) {
      state.textContent = 'Not trained.';
      fail(error);
    }
  }

  function finish(run, given, result) {
    const numbers = Object.values(result.adapter.arrays)
      .reduce((sum, each) => sum + each.numbers.length, 0);
    const last = result.losses[result.losses.length - 1];
    meters.dev.set(result.heldOut);
    meters.factsKept.set(result.factsKept);
    state.textContent = `${result.stopped ? 'Stopped' : 'Done'} after ` +
      `${result.losses.length} steps in ${result.seconds.toFixed(1)} s: ` +
      `${result.heldOut === null ? '' : `${percent(result.heldOut)} of the held-out answers are ` +
        'right, '}${percent(result.factsKept)} of the 640 facts are kept.`;
    runs.row([run.name, words_of(given), last.toFixed(4), percent(result.heldOut),
      percent(result.factsKept), `${result.seconds.toFixed(1)} s`, whole(numbers)]);
    runs.element.hidden = false;
    plot.redraw();
  }

  on('training', () => {
    go.disabled = lab_panels.kit.training;
    stop.disabled = !lab_panels.kit.training;
  });
  const grid = (...controls) =>
    h('div', { class: 'lab-controls' }, controls.map((each) => each.element));
  const named = { task, method, rank: ranks, alpha: alphas, rate, steps, batch, seed, targets,
    bits, workers };
  const chosen = only.split(' ').filter((name) => name in named).map((name) => named[name]);
  const controls = chosen.length ? [grid(...chosen)] : only ? [] : [
    h('div', { class: 'lab-choices' }, task.element, method.element), grid(ranks, alphas, rate),
    h('details', {}, h('summary', {}, 'Steps, batch, seed, matrices, bits of the base, cores'),
      grid(steps, batch, seed), targets.element, bits.element, workers.element)];
  return [
    ...controls,
    h('div', { class: 'lab-buttons' }, go, stop), state,
    h('div', { class: 'lab-meters' }, meters.dev.element, meters.factsKept.element),
    h('p', { class: 'lab-note' }, `${question} `, answer), plot.element, runs.element];
};
