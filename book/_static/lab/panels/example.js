// The LoRA layer of four inputs and four outputs, on numbers that the reader types: the answer, the
// gradients and a step of gradient descent or AdamW, as the chapter works them out by hand.
'use strict';

lab_panels.example = (_, fail) => {
  const { h, new_id, slider, choice, button } = lab_panels.kit;
  const { forward, backward, step } = lab_panels.example;
  // The chapter's numbers, a row in each list.
  const GIVEN = { x: [[1, 0.5, -0.5, 0.2]], t: [[0.5, 0.6, -0.5, 0]],
    W: [[0.5, 0.2, -0.1, 0.3], [0.1, 0.4, 0.2, -0.2], [-0.3, 0.1, 0.5, 0.1],
      [0.2, -0.1, 0.3, 0.4]],
    A: [[0.1, -0.1, 0.2, 0.15], [0.05, 0.12, -0.08, 0.1]],
    B: [[0.3, -0.1], [0.2, 0.4], [-0.1, 0.2], [0.15, 0.1]] };
  const TITLES = { x: 'input x', W: 'W, frozen', A: 'A', B: 'B', t: 'target t' };
  const RESULTS = [['base', 'x Wᵀ'], ['squeezed', 'x Aᵀ'], ['scaled', 'α/r · x Aᵀ Bᵀ'], ['y', 'y'],
    ['dy', 'dy = y − t'], ['dA', 'dA'], ['dB', 'dB']];
  const LIMIT = 1000;

  let numbers = structuredClone(GIVEN), start = numbers, taken = 0, shown = null;
  const cells = {}, outputs = {};
  // A table of numbers to type in; a label for each, which only those need who do not see it.
  const inputs = Object.entries(GIVEN).map(([name, rows]) => {
    cells[name] = rows.map((row, i) => row.map((_, j) => h('input', { type: 'text',
      inputmode: 'decimal', autocomplete: 'off', 'aria-label': `${TITLES[name]}, row ${i + 1}, ` +
        `column ${j + 1}`, oninput: read })));
    return board(TITLES[name], cells[name], `lab-in lab-${name}`);
  });
  const results = RESULTS.map(([name, words]) => {
    const { A, B, x } = GIVEN, shape = { dA: A, dB: B, squeezed: [B[0]] }[name] ?? x;
    outputs[name] = shape.map((row) => row.map(() => h('output', {})));
    return board(words, outputs[name], `lab-out lab-${name}`);
  });
  const alpha = slider({ label: 'α', values: [0.5, 1, 2, 4, 8, 16], value: 4,
    change: () => show() });
  const rate = slider({ label: 'Learning rate', values: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
    value: 0.2, change: () => shown && show() });
  const of_B = slider({ label: 'B’s rate, times that', values: [0.25, 0.5, 1, 2, 4, 8, 16], value: 1,
    change: () => shown && show() });
  const optimizer = choice({ label: 'Optimizer', value: '', options: [['', 'gradient descent'],
    ['adam', 'AdamW']], change: () => shown && show() });
  // Of the numbers as they are, the next ones. AdamW's running means begin with them.
  const next_of = () => step(numbers, alpha.value, rate.value, of_B.value, optimizer.value);
  const loss = h('p', { role: 'status' });

  function board(title, parts, classes) {
    const id = new_id();
    return h('div', { class: `lab-board ${classes}`, role: 'group', 'aria-labelledby': id },
      h('p', { id, class: 'lab-head' }, title), h('div', { class: 'lab-grid-of',
        style: `--columns: ${parts[0].length}` }, parts.flat()));
  }

  // What stands in the cells, or null and a word about the cell that holds no number.
  function read() {
    const typed = {};
    for (const [name, rows] of Object.entries(cells)) {
      for (const input of rows.flat()) {
        const words = input.value.trim().replace('−', '-').replace(',', '.');
        const value = Number(words || NaN);
        const fits = Math.abs(value) <= LIMIT;
        input.setAttribute('aria-invalid', String(!fits));
        if (!fits) {
          clear();
          fail(new Error(`${input.getAttribute('aria-label')} is “${input.value}”, it must be a ` +
            `number from −${LIMIT} to ${LIMIT}.`));
          return;
        }
        input.number = value;
      }
      typed[name] = rows.map((row) => row.map((input) => input.number));
    }
    numbers = start = typed;
    taken = 0;
    show();
  }

  const round = (value) => (Math.abs(value) >= 1e4 ? value.toExponential(0)
    : (Math.abs(value) < 5e-4 ? 0 : value).toFixed(3)).replaceAll('-', '−');
  const each = (rows, call) => rows.forEach((row, i) => row.forEach((cell, j) => call(cell, i, j)));

  function fill() {
    for (const [name, rows] of Object.entries(cells)) {
      each(rows, (input, i, j) => {
        const value = numbers[name][i][j], digits = Math.abs(value) < 0.1 ? 3 : 4; // of 0.0123
        input.value = String(Number(value.toPrecision(digits))).replace('-', '−');
        input.removeAttribute('aria-invalid');
      });
    }
  }

  function clear() {
    for (const rows of Object.values(outputs)) each(rows, (cell) => { cell.value = ''; });
    loss.textContent = '';
    shown = null;
  }

  function show() {
    shown = forward(numbers, alpha.value);
    const found = { ...shown, ...backward(numbers, alpha.value, shown) };
    for (const [name, rows] of Object.entries(outputs)) {
      each(rows, (cell, i, j) => { cell.value = round(found[name][i][j]); });
    }
    const after = forward(next_of(), alpha.value).loss;
    loss.textContent = `Loss ${digits(found.loss)}${taken ? ` after ${taken} ` +
      `${taken === 1 ? 'step' : 'steps'}` : ''}; the next step takes it to ${digits(after)}.`;
    fail(null);
  }

  const digits = (value) => (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e4)
    ? value.toExponential(2) : value.toFixed(4));

  function walk(count) {
    if (!shown) return;
    for (let i = 0; i < count; i++) {
      const next = next_of();
      if (![...next.A, ...next.B].flat().every((value) => Math.abs(value) <= 1e9)) {
        fill();
        show();
        fail(new Error('The numbers grow without end: a lower learning rate may help.'));
        return;
      }
      numbers = next;
      taken += 1;
    }
    fill();
    show();
  }

  // Take back the steps, with some numbers replaced.
  function put(change) {
    numbers = start = { ...start, ...change };
    taken = 0;
    fill();
    show();
  }

  const zeros = (rows) => rows.map((row) => row.map(() => 0));
  const drawn = () => Object.fromEntries(Object.entries(GIVEN).map(([name, rows]) =>
    [name, rows.map((row) => row.map(() => Math.round(200 * Math.random() - 100) / 100))]));
  fill();
  show();
  return [h('div', { class: 'lab-boards' }, inputs),
    h('div', { class: 'lab-controls' }, alpha.element, rate.element, of_B.element,
      optimizer.element),
    h('div', { class: 'lab-buttons' }, button('One step', () => walk(1), { class: 'lab-go' }),
      button('Twenty steps', () => walk(20)), button('B = 0', () => put({ B: zeros(GIVEN.B) })),
      button('A = 0', () => put({ A: zeros(GIVEN.A) })),
      button('Other numbers', () => put(drawn())),
      button('Start again', () => put(structuredClone(GIVEN)))),
    loss, h('div', { class: 'lab-boards' }, results)];
};

// The layer itself, in numbers of 64 bits.  x, t: (1, 4);  W: (4, 4);  A: (2, 4);  B: (4, 2).
Object.assign(lab_panels.example, (() => {
  const T = (a) => a[0].map((_, j) => a.map((row) => row[j]));
  const times = (a, b) => a.map((row) => b[0].map((_, j) =>
    row.reduce((sum, value, k) => sum + value * b[k][j], 0)));
  const plus = (a, b, factor = 1) => a.map((row, i) => row.map((value, j) =>
    value + factor * b[i][j]));
  const scale = (a, factor) => a.map((row) => row.map((value) => factor * value));

  // y = x W^T + alpha/r x A^T B^T, and the loss |y - t|^2 / 2.
  function forward({ x, W, A, B, t }, alpha) {
    const base = times(x, T(W)), squeezed = times(x, T(A));
    const scaled = scale(times(squeezed, T(B)), alpha / A.length), y = plus(base, scaled);
    const dy = plus(y, t, -1), loss = dy[0].reduce((sum, value) => sum + value * value / 2, 0);
    return { base, squeezed, scaled, y, dy, loss };
  }

  // With g = alpha/r dy:  dB = g^T (x A^T),  dA = (g B)^T x;  nothing for W.
  function backward({ x, A, B }, alpha, { squeezed, dy }) {
    const g = scale(dy, alpha / A.length);
    return { dA: times(T(times(g, B)), x), dB: times(T(g), squeezed) };
  }

  // One step; B's rate is ratio times A's. What AdamW keeps between steps is in numbers.adam.
  function step(numbers, alpha, rate, ratio = 1, optimizer = '') {
    const { dA, dB } = backward(numbers, alpha, forward(numbers, alpha));
    if (optimizer !== 'adam') {
      return { ...numbers, adam: null, A: plus(numbers.A, dA, -rate),
        B: plus(numbers.B, dB, -rate * ratio) };
    }
    const old = numbers.adam, count = (old?.count ?? 0) + 1, adam = { count }, next = {};
    for (const [name, gradient, by] of [['A', dA, rate], ['B', dB, rate * ratio]]) {
      const square = gradient.map((row) => row.map((value) => value * value));
      const first = plus(scale(old?.[name].first ?? gradient, old ? 0.9 : 0), gradient, 0.1);
      const second = plus(scale(old?.[name].second ?? square, old ? 0.999 : 0), square, 0.001);
      adam[name] = { first, second };
      next[name] = numbers[name].map((row, i) => row.map((value, j) => value - by *
        (first[i][j] / (1 - 0.9 ** count)) /
        (Math.sqrt(second[i][j] / (1 - 0.999 ** count)) + 1e-8)));
    }
    return { ...numbers, ...next, adam };
  }

  return { prepare: () => null, forward, backward, step };
})());
