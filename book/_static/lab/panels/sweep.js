// Sweep: a grid of trainings, rank against alpha or learning rate, filled cell by cell.
'use strict';

lab_panels.sweep = (_, fail) => {
  const { h, slider, choice, button, percent, on, train, drop } = lab_panels.kit;
  const RANKS = [1, 2, 4, 8, 16, 32];
  const OTHER = { alpha: [1, 2, 4, 8, 16, 32, 64],
    learningRate: [1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2] };
  const AXES = [['alpha', 'α'], ['learningRate', 'learning rate']];
  const words = { alpha: (x) => `α ${x}`, learningRate: (x) => `rate ${x}` };
  const texts = (list) => list.map((x) => [String(x), String(x)]);

  const ranks = choice({ label: 'Ranks', options: texts(RANKS), value: ['1', '4', '16'],
    several: true });
  const axis = choice({ label: 'Against', options: AXES, value: 'alpha', change: () => fit() });
  const others = choice({ label: 'Values', options: [], value: [], several: true });
  const fit = () => others.fill(texts(OTHER[axis.value]),
    (axis.value === 'alpha' ? ['2', '8', '32'] : ['0.001', '0.005', '0.02']));
  const steps = slider({ label: 'Steps of each', values: [20, 40, 60, 100, 150], value: 60 });
  const place = h('div', { class: 'lab-table', tabindex: 0, role: 'region',
    'aria-label': 'Grid of scores' });
  const state = h('p', { class: 'lab-note', role: 'status' }), detail = h('p', {});
  let stopped = false, sweeping = false;
  const go = button('Sweep', start, { class: 'lab-go' });
  const stop = button('Stop', () => { stopped = true; lab.stop(); }, { disabled: true });

  const tell = (rank, words, { heldOut, factsKept, losses }) => {
    detail.textContent = `Rank ${rank}, ${words}: ${percent(heldOut)} of held-out answers, ` +
      `${percent(factsKept)} of facts, last loss ${losses[losses.length - 1].toFixed(3)}.`;
  };

  // A cell for each pair of values, darker for a higher score; a press on it tells more.
  function grid(columns, rows, format) {
    const cells = new Map();
    const body = rows.map((row) => h('tr', {}, h('th', { scope: 'row' }, format(row)),
      columns.map((rank) => {
        const cell = h('td', {}, '·');
        cells.set(`${rank} ${row}`, cell);
        return cell;
      })));
    place.replaceChildren(h('table', { class: 'lab-sweep' }, h('thead', {}, h('tr', {}, h('td', {}),
      columns.map((rank) => h('th', { scope: 'col' }, `r ${rank}`)))), h('tbody', {}, body)));
    return cells;
  }

  async function start() {
    const columns = ranks.value.map(Number), rows = others.value.map(Number).reverse();
    const name = axis.value, format = words[name];
    if (!columns.length || !rows.length) {
      fail(new Error('Choose at least one rank and one value.'));
      return;
    }
    fail(null);
    stopped = false;
    sweeping = true;
    const cells = grid(columns, rows, format), count = columns.length * rows.length;
    let number = 0;
    try {
      for (const rank of columns) {
        for (const row of rows) {
          number += 1;
          state.textContent = `Training ${number} of ${count}: rank ${rank}, ${format(row)}`;
          const { run, entry } = await train('sweep',
            { rank, steps: steps.value, alpha: 8, [name]: row });
          drop(entry);
          if (run.stopped || stopped) {
            state.textContent = `Stopped after ${number - 1} of ${count}.`;
            return;
          }
          const cell = cells.get(`${rank} ${row}`), share = Math.round(100 * run.heldOut);
          cell.replaceChildren(button(percent(run.heldOut), () => tell(rank, format(row), run),
            { style: `--share: ${share}%`, class: 'lab-cell' }));
          tell(rank, format(row), run);
        }
      }
      state.textContent = `Done: ${count} of ${count} trained, ${steps.value} steps each, ` +
        'one seed a cell.';
    } catch (error) {
      state.textContent = `Ended at training ${number} of ${count}.`;
      fail(error);
    } finally {
      sweeping = false;
      free();
    }
  }

  const free = () => {
    const busy = sweeping || lab_panels.kit.training;
    go.disabled = busy;
    stop.disabled = !busy;
  };
  on('training', free);
  fit();
  return [h('div', { class: 'lab-choices' }, ranks.element, axis.element, others.element),
    h('div', { class: 'lab-controls' }, steps.element), h('div', { class: 'lab-buttons' }, go,
    stop), state, place, detail];
};
