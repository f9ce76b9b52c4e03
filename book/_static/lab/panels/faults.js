// Break it: well-known mistakes, each a button, beside a training that has none of them.
'use strict';

lab_panels.faults = (_, fail) => {
  const { h, button, table, percent, prompt_of, on, ask, train, score } = lab_panels.kit;
  const QUESTION = 'What is the capital of Japan?', SHARED = { rank: 16, alpha: 32, steps: 60 };
  const FAULTS = [
    { name: 'No mistake', change: {}, look: 'α/r is 2. Compare the others with this row.' },
    { name: '1/r forgotten', change: { alpha: 32 * 16 },
      look: 'The change is scaled by α = 32 instead of α/r = 2. Does the loss still fall ' +
        'below that of No mistake, and what became of the facts?' },
    { name: 'Both matrices zero', change: { init: 'both zero' },
      look: 'Each gradient has the other matrix as a factor, so nothing can move: the answers ' +
        'and the facts are those of the base.' },
    { name: 'Both random, large B', change: { init: 'both random' },
      look: 'B is as wide as in an ordinary layer, so BA is large, and the model is another one ' +
        'before the first step. Compare the first loss with that of No mistake, and the facts ' +
        'at the end.' },
    { name: 'Learning rate × 100', change: { learningRate: 0.5 },
      look: 'Each step jumps. Where does the loss end, and is any fact left?' },
    { name: 'Applied twice', change: {}, strength: 2,
      look: 'As after merging an adapter and leaving it attached. The losses are those of No ' +
        'mistake, since the training was right; the answers are not.' }];
  const runs = table(['mistake', 'loss, first to last', 'held-out', 'facts kept',
    `“${QUESTION}”`], 'Mistakes tried');
  runs.element.hidden = true;
  const look = h('p', {}, 'Press one. Each trains for 60 steps.');
  const state = h('p', { class: 'lab-note', role: 'status' });

  async function start({ name, change, look: words, strength = 1 }) {
    fail(null);
    look.textContent = `${name}. ${words}`;
    try {
      const { run, entry } = await train(name.toLowerCase(), { ...SHARED, ...change },
        ({ step, steps, loss }) => {
          state.textContent = `Step ${step} of ${steps}, loss ${loss.toFixed(3)}`;
        });
      const found = strength === 1 ? run : await score(entry, { task: 'qa', strength });
      const { text } = await ask(entry, prompt_of(QUESTION), { n: 12, strength });
      const [first] = run.losses, last = run.losses[run.losses.length - 1];
      state.textContent = `${name}: ${percent(found.heldOut)} of held-out answers, ` +
        `${percent(found.factsKept)} of facts.`;
      runs.row([name, `${first.toFixed(2)} → ${last.toFixed(2)}`, percent(found.heldOut),
        percent(found.factsKept), text.trim() || '(it stops at once)'], false);
      runs.element.hidden = false;
    } catch (error) {
      state.textContent = `${name}: the training ended early.`;
      fail(error);
    }
  }

  const buttons = FAULTS.map((fault) => button(fault.name, () => start(fault)));
  const stop = button('Stop', () => lab.stop(), { disabled: true });
  on('training', () => {
    buttons.forEach((each) => { each.disabled = lab_panels.kit.training; });
    stop.disabled = !lab_panels.kit.training;
  });
  return [h('div', { class: 'lab-buttons' }, buttons, stop), look, state, runs.element];
};
