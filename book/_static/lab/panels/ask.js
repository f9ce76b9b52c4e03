// Ask: a question, sliders, the answer beside the base's, and the likeliest next tokens.
'use strict';

lab_panels.ask = ({ adapter = 'questions', question = 'What is the capital of Japan?', simple },
  fail) => {
  const { h, new_id, slider, choice, button, newest, likeliest, prompt_of, shelf, on, ask } =
    lab_panels.kit;
  const SUGGESTIONS = ['What is the capital of Japan?', 'Which continent is Mali in?',
    'Which money do people use in Mongolia?', 'The capital of France is', 'In Africa there'];
  const steps = (from, to, by) => Array.from({ length: Math.round((to - from) / by) + 1 },
    (_, i) => Number((from + i * by).toFixed(2)));

  let entry = shelf.find((each) => each.name === adapter) ?? shelf[0], seed = 0;
  const text = h('input', { type: 'text', id: new_id(), value: question,
    maxlength: 300, autocomplete: 'off', spellcheck: 'false', oninput: () => show() });
  const form = h('code', { class: 'lab-form' });
  const chips = h('div', { class: 'lab-chips' }, SUGGESTIONS.map((words) =>
    button(words, () => { text.value = words; show(); say(); })));
  const which = choice({ label: 'Adapter', options: [], value: '', change: (id) => {
    entry = shelf.find((each) => each.id === id);
    fit();
    show();
    say();
  } });
  const two = (x) => x.toFixed(2);
  const change = () => show();
  const strength = slider({ label: 'Strength', values: steps(0, 2, 0.05), value: simple === undefined ? 0 : 1,
    format: two,
    ends: ['0: base', '2: too much'], change });
  let rank = null;
  const rank_place = h('div');
  const temperature = slider({ label: 'Temperature', values: steps(0, 2, 0.1), value: 0,
    format: two, ends: ['0: the likeliest', '2: wild'], change });
  const top_p = slider({ label: 'Top-p', values: steps(0.05, 1, 0.05), value: 1, format: two,
    ends: ['0.05: few', '1: all tokens'], change });
  const again = button('Draw again', () => { seed += 1; show(); say(); });

  const mine = h('p', { class: 'lab-answer' }), bases = h('p', { class: 'lab-answer lab-base' });
  const title = h('p', { class: 'lab-head' }, 'With the adapter');
  const bars = h('ul', { class: 'lab-bars' });
  const live = h('p', { class: 'lab-hidden', role: 'status' });

  // The ranks that this adapter can be cut to; a cut keeps the directions that do most.
  function fit() {
    const lora = entry.adapter?.kind === 'lora' ? entry.adapter.rank : 1;
    strength.disabled = !entry.adapter;
    rank = lora > 1 ? slider({ label: 'Rank kept', values: steps(1, lora, 1), value: lora,
      ends: ['1', `${lora}: all`], change }) : null;
    rank_place.replaceChildren(...(rank ? [rank.element] : []));
  }

  function fill() {
    if (!shelf.includes(entry)) { entry = shelf[0]; fit(); }
    which.fill(shelf.map(({ id, name }) => [id, name]), entry.id);
  }

  const shown = (words) => words.trim() || '(it stops at once)';
  const show = newest(async () => {
    const prompt = prompt_of(text.value);
    form.textContent = prompt.replace('\n', ' ⏎ ');
    const settings = { n: 24, temperature: temperature.value, topP: top_p.value, seed };
    try {
      const found = await ask(entry, prompt, { ...settings, rank: rank?.value ?? null,
        strength: entry.adapter ? strength.value : 1 });
      const base = await ask(entry, prompt, { ...settings, strength: 0 });
      mine.textContent = shown(found.text);
      bases.textContent = shown(base.text);
      title.textContent = lab_panels.kit.training ? 'In training' : entry.adapter
        ? `${entry.name} at strength ${two(strength.value)}` : 'The base';
      bars.replaceChildren(...likeliest(found.top));
      fail(null);
    } catch (error) { // an answer to an earlier question must not stand under this one
      for (const place of [mine, bases, bars]) place.replaceChildren();
      fail(error);
    }
  });
  // Those who hear the page are told once a control rests, not at each step of a drag.
  const say = () => setTimeout(() => {
    live.textContent = `${title.textContent}: ${mine.textContent}`;
  }, 400);

  fill();
  fit();
  on('shelf', fill);
  on('training', show);
  const dials = simple === undefined ? [strength.element, rank_place] : [strength.element];
  const more = h('details', {}, h('summary', {}, 'Draw by chance: temperature and top-p'),
    h('div', { class: 'lab-controls' }, temperature.element, top_p.element), again);
  const controls = h('div', { class: 'lab-controls', onchange: say }, dials);
  show();
  return [
    h('div', { class: 'lab-ask' }, h('label', { for: text.id },
      'Question, or the beginning of a text'), text,
      simple === undefined ? chips : null, h('p', { class: 'lab-note' }, 'The model reads ', form)),
    which.element, controls, simple === undefined ? more : null,
    h('div', { class: 'lab-answers' }, h('div', {}, h('p', { class: 'lab-head' }, 'Base'),
      bases), h('div', {}, title, mine)),
    h('p', { class: 'lab-head' }, 'Likeliest next tokens'), bars, live,
  ].filter((part) => part !== null);
};
