// What all panels share: controls, the shelf of adapters, and one model to ask and to train.
'use strict';

var lab_panels = {};

lab_panels.kit = (() => {
  // An element. Names with on are listeners, others attributes; children are nodes or texts.
  function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, '');
      else if (value !== false && value !== null) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null));
    return element;
  }

  let count = 0;
  const new_id = () => `lab-${count += 1}`;
  const percent = (share) => (!Number.isFinite(share) ? '–'
    : share > 0 && share < 0.005 ? '<1%' : `${Math.round(100 * share)}%`);
  const whole = (number) => number.toLocaleString('en');

  // A quantity: a slider over a list of values, its two ends named. {element, value, set}
  function slider({ label, values, value, ends = null, format = String, change = () => {} }) {
    const id = new_id(), output = h('output', { for: id });
    const range = h('input', { id, type: 'range', min: 0, max: values.length - 1, step: 1,
      oninput: () => { say(); change(values[range.value]); } });
    const say = () => {
      const text = format(values[range.value]);
      output.value = text;
      range.setAttribute('aria-valuetext', text);
    };
    const [low, high] = ends ?? [format(values[0]), format(values[values.length - 1])];
    const set = (next) => {
      const at = values.indexOf(next);
      range.value = at >= 0 ? at : 0;
      say();
    };
    set(value);
    const element = h('div', { class: 'lab-control' },
      h('div', { class: 'lab-name' }, h('label', { for: id }, label), output), range,
      h('div', { class: 'lab-ends', 'aria-hidden': 'true' }, h('span', {}, low),
        h('span', {}, high)));
    return { element, set, get value() { return values[range.value]; },
      set disabled(off) { range.disabled = off; element.classList.toggle('lab-off', off); } };
  }

  // A name among some: radio buttons that look like buttons. options: [[value, words], ...]
  function choice({ label, options, value, change = () => {}, several = false }) {
    const name = new_id(), box = h('div', { class: 'lab-options' });
    const element = h('fieldset', { class: 'lab-choice' }, h('legend', {}, label), box);
    const own = { element,
      get value() {
        const on = [...box.querySelectorAll('input:checked')].map((input) => input.value);
        return several ? on : on[0];
      },
      set(next) {
        for (const input of box.querySelectorAll('input')) {
          input.checked = several ? next.includes(input.value) : input.value === next;
        }
      },
      fill(options, next) {
        box.replaceChildren(...options.map(([value, words]) => h('label', {},
          h('input', { type: several ? 'checkbox' : 'radio', name, value,
            onchange: () => change(own.value) }), h('span', {}, words))));
        own.set(next);
      },
      set disabled(off) { element.disabled = off; } };
    own.fill(options, value);
    return own;
  }

  const button = (words, press, more = {}) =>
    h('button', { type: 'button', onclick: press, ...more }, words);

  // A bar for each of the likeliest next tokens, [[token, share], ...]; a dot is a space.
  const likeliest = (top) => top.map(([token, share]) => h('li', {},
    h('code', {}, { '': '<eos>', '\n': 'newline' }[token]
      ?? token.replaceAll(' ', '·').replaceAll('\n', '⏎')),
    h('span', { class: 'lab-bar' }, h('i', { style: `width:${100 * share}%` })),
    h('span', {}, percent(share))));

  // A list that can be too wide for a phone scrolls in place.
  function table(head, label) {
    const body = h('tbody'), element = h('div', { class: 'lab-table', tabindex: 0, role: 'region',
      'aria-label': label }, h('table', {}, h('thead', {}, h('tr', {}, head.map((words) =>
      h('th', { scope: 'col' }, words)))), body));
    return { element, body, row: (cells, first = true) => {
      const row = h('tr', {}, cells.map((cell) => h('td', {}, cell)));
      if (first) body.prepend(row);
      else body.append(row);
      return row;
    } };
  }

  // Of many calls only the newest waits; one runs at a time. So a slider never builds up a queue.
  function newest(job) {
    let running = false, again = false;
    return async function call() {
      if (running) { again = true; return; }
      running = true;
      try {
        do {
          again = false;
          await job();
        } while (again);
      } finally {
        running = false;
      }
    };
  }

  // A question gets the form in which the model was taught; any other text is continued.
  const prompt_of = (text) => (/\?\s*$/.test(text) ? `Q: ${text.trim()}\nA:` : text);

  // ---- The model and the shelf ----
  const events = new EventTarget(), shelf = [];
  let in_use, training = false, queue = Promise.resolve(), runs = 0;

  const tell = (name) => events.dispatchEvent(new Event(name));
  const on = (name, listener) => events.addEventListener(name, listener);
  const in_turn = (job) => {
    const result = queue.then(job);
    queue = result.catch(() => {});
    return result;
  };

  function put(name, adapter, run = null) {
    const entry = { name, adapter, run, id: new_id() };
    shelf.push(entry);
    tell('shelf');
    return entry;
  }

  function drop(entry) {
    shelf.splice(shelf.indexOf(entry), 1);
    tell('shelf');
  }

  async function wear(entry) {
    if (in_use === entry) return;
    in_use = undefined; // what is refused leaves the base
    await lab.use(entry.adapter);
    in_use = entry;
  }

  // The model's answer with an adapter; while a training runs, that of the model in training.
  async function ask(entry, prompt, settings, method = 'ask') {
    const now = () => lab[method](prompt,
      { ...settings, rank: training ? null : settings.rank ?? null });
    if (training) return now();
    return in_turn(async () => { if (!training) await wear(entry); return now(); });
  }

  // {heldOut, factsKept} of an adapter on its own task.
  const score = (entry, settings) => in_turn(async () => {
    await wear(entry);
    return lab.score(settings);
  });

  // A training: one at a time in the whole page. The adapter goes to the shelf under `name`.
  async function train(name, settings, see = undefined) {
    if (training) throw new Error('A training is running. Stop it, or wait for its end.');
    training = true;
    tell('training');
    try {
      const run = await in_turn(() => lab.train(settings, see));
      runs += 1;
      in_use = put(name ?? `run ${runs}`, run.adapter, run);
      return { run, entry: in_use };
    } catch (error) {
      in_use = undefined;
      throw error;
    } finally {
      training = false;
      tell('training');
    }
  }

  // Everything once: the model, the base and the adapters that came with the book.
  let opened = null;
  const NAMES = { qa: 'questions', pirate: 'pirate' };
  const ready = () => {
    opened ??= lab.ready.then(({ adapters }) => {
      put('base', null);
      for (const [name, adapter] of Object.entries(adapters)) put(NAMES[name], adapter);
    }).catch((error) => { opened = null; throw error; });
    return opened;
  };

  const TASKS = [['qa', 'questions'], ['pirate', 'pirate'], ['instructions', 'instructions'],
    ['recipes', 'recipes']];
  return { h, new_id, slider, choice, button, table, likeliest, newest, percent, whole, prompt_of,
    shelf, put, drop, on, ask, score, train, ready, TASKS, get training() { return training; } };
})();

// Build one panel in its place; what stood there stays until it can be used. A panel that computes
// for itself prepares other things than the model, or nothing.
lab_panels.open = async (element) => {
  const { h, ready } = lab_panels.kit, panel = lab_panels[element.dataset.panel];
  const prepared = await (panel.prepare ?? ready)();
  const alert = h('p', { class: 'lab-alert', role: 'alert' });
  const fail = (error) => { alert.textContent = error ? error.message : ''; };
  const parts = panel(element.dataset, fail, prepared);
  element.replaceChildren(...parts, alert);
  element.dataset.ready = 'true';
};
