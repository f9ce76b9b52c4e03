// Second: a model that answers questions learns to follow instructions, and one fact is asked for
// in both frames meanwhile.
'use strict';

// A chapter's panel names the controls that it has, in `only`, as that of `train` does, and may
// say what is chosen at first.
lab_panels.second = ({ only = '', train: way = 'beside', replay = 'old', count: many = '0',
  steps: length = '60' }, fail) => {
  const { h, slider, choice, button, table, percent, shelf, on, ask, score, train } = lab_panels.kit;
  const BATCH = 16, EVERY = 10; // examples of a step; steps from one reply to the next
  const MOST_OWN = 192; // different replies that the first model writes: each takes a moment
  const SHARED = 'Which city is the capital of'; // words of both tasks, which own replies leave out
  const ASKED = ['Q: What is the capital of South Sudan?\nA:',
    'Instruction: Name the capital of South Sudan.\nResponse:'];
  const { qa, instructions } = lab_data.tasks;
  const first = shelf.find(({ name }) => name === 'questions');
  const base = shelf.find(({ adapter }) => adapter === null);

  const words_of = (prompt) => prompt.replaceAll('\n', ' ');
  const STARTS = [['same', 'the first adapter (same)'], ['beside', 'it and a new half (beside)'],
    ['frozen', 'only the new half (frozen)'], ['fresh', 'a new adapter (fresh)']];
  const start = choice({ label: 'Train', options: STARTS, value: way });
  const kind = choice({ label: 'Replayed are', value: replay,
    options: [['old', 'old questions'], ['own', 'the first model’s own replies']] });
  const count = slider({ label: 'Replayed in a batch of 16', values: [0, 1, 2, 4, 8],
    value: Number(many) });
  const rate = slider({ label: 'Learning rate', values: [0.001, 0.003, 0.01, 0.03], value: 0.01 });
  const steps = slider({ label: 'Steps', values: [20, 60, 100, 150],
    value: Number(length) });

  const go = button('Train', begin, { class: 'lab-go' });
  const stop = button('Stop', () => lab.stop(), { disabled: true });
  const state = h('p', { class: 'lab-note', role: 'status' }, 'Nothing was trained yet.');
  const replies = table(['step', 'to the question', 'to the instruction'], 'Replies while it trains');
  const runs = table(['run', 'trained', 'replayed', 'rate, steps', 'first task', 'second task',
    'time'], 'Runs of this panel');
  const asks = h('p', { class: 'lab-note' }, `Asked are “${words_of(ASKED[0])}” and ` +
    `“${words_of(ASKED[1])}”`);
  replies.element.hidden = runs.element.hidden = true;
  let run = 0;

  // The first model's replies to the new instructions in the old frame, written once.
  const written = [];
  async function own_replies(wanted) {
    const told = instructions.train.filter(([prompt]) => !prompt.includes(SHARED));
    while (written.length < Math.min(wanted, MOST_OWN)) {
      const words = told[written.length][0].replace('Instruction:', 'Q:');
      const prompt = words.replace('Response:', 'A:');
      written.push([prompt, (await ask(first, prompt, { n: 12 })).text || ' ']);
      state.textContent = `The first model has written ${written.length} replies.`;
    }
    return written;
  }

  const taken = (list, n) => Array.from({ length: n }, (_, i) => list[i % list.length]);

  // All examples of a training, replayed ones in the chosen share.
  async function examples() {
    const all = BATCH * steps.value, old = count.value * steps.value;
    const replayed = kind.value === 'old' ? qa.train : old ? await own_replies(old) : [];
    return [...taken(replayed, old), ...taken(instructions.train, all - old)];
  }

  function settings(pairs) {
    const { rank, alpha, targets } = first.adapter;
    const model = { same: { from: first.adapter }, beside: { from: first.adapter, rank: 2 * rank },
      frozen: { from: first.adapter, rank: 2 * rank, freeze: true },
      fresh: { rank: 2 * rank, alpha: 2 * alpha, targets } }[start.value];
    return { pairs, batch: BATCH, steps: steps.value, learningRate: rate.value, score: false,
      ...model };
  }

  async function watch(step, entry = null) {
    const said = [];
    for (const prompt of ASKED) said.push((await ask(entry, prompt, { n: 16 })).text.trim());
    replies.row([String(step), ...said.map((text) => text || '(it stops at once)')], false);
  }

  async function begin() {
    fail(null);
    go.disabled = true;
    replies.body.replaceChildren();
    replies.element.hidden = false;
    run += 1;
    const words = [start.value, count.value
      ? `${count.value} ${kind.value === 'old' ? 'old questions' : 'own replies'}` : 'nothing',
    `${rate.value}, ${steps.value}`];
    let asking = Promise.resolve();
    try {
      const given = settings(await examples());
      await watch(0, start.value === 'fresh' ? base : first);
      const { run: result, entry } = await train(`second task ${run}`, given, (step) => {
        state.textContent = `Step ${step.step} of ${step.steps}, loss ${step.loss.toFixed(3)}`;
        if (step.step % EVERY === 0 && step.step < step.steps) {
          asking = asking.then(() => watch(step.step)).catch(() => {});
        }
      });
      await asking;
      await watch(result.losses.length, entry);
      state.textContent = 'Both tests are taken …';
      const scores = [];
      for (const task of ['qa', 'instructions']) {
        scores.push(percent((await score(entry, { task })).heldOut));
      }
      state.textContent = `${result.stopped ? 'Stopped' : 'Done'} after ${result.losses.length} ` +
        `steps in ${result.seconds.toFixed(1)} s: ${scores[0]} of 320 held-out questions are ` +
        `right, and ${scores[1]} of 320 instructions.`;
      runs.row([`${run}`, ...words, ...scores, `${result.seconds.toFixed(1)} s`]);
      runs.element.hidden = false;
    } catch (error) {
      state.textContent = 'Not trained.';
      fail(error);
    }
    ready();
  }

  function ready() {
    go.disabled = lab_panels.kit.training;
    stop.disabled = !lab_panels.kit.training;
  }
  on('training', ready);

  const named = { start, kind, count, rate, steps };
  const shown = (...names) => names.filter((name) => !only || only.split(' ').includes(name))
    .map((name) => named[name].element);
  return [h('div', { class: 'lab-choices' }, shown('start', 'kind')),
    h('div', { class: 'lab-controls' }, shown('count', 'rate', 'steps')),
    h('div', { class: 'lab-buttons' }, go, stop), state, asks, replies.element, runs.element];
};
