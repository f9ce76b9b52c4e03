// The same training as a cell of Python has done, and its losses in the same words.
'use strict';

lab_panels.same = (_, fail) => {
  const { h, button, on, train, drop } = lab_panels.kit, SHOWN = [1, 5, 10, 20, 40, 60];
  const lines = h('pre', { role: 'status' });
  const go = button('Train the same here', async () => {
    lines.textContent = '';
    fail(null);
    try {
      const { run, entry } = await train('the same', { score: false }, ({ step, loss }) => {
        if (!SHOWN.includes(step)) return;
        lines.append(`step ${String(step).padStart(2)}: loss ${loss.toFixed(4)}\n`);
      });
      drop(entry);
      if (run.stopped) lines.append('stopped\n');
    } catch (error) {
      fail(error);
    }
  });
  on('training', () => { go.disabled = lab_panels.kit.training; });
  return [h('div', { class: 'lab-buttons' }, go), lines];
};
