// Sampling: what a draw of the next token draws from, at a temperature and a top-p, and some draws.
'use strict';

lab_panels.sampling = ({ question = 'Chile' }, fail) => {
  const { h, new_id, slider, button, newest, percent, shelf, ask } = lab_panels.kit;
  const BEGINNINGS = ['Chile', 'The capital of France is', 'The capital of', 'One evening'];
  const DRAWS = 5;
  const tenths = (from, to) => Array.from({ length: Math.round((to - from) * 10) + 1 }, (_, i) =>
    Number((from + i / 10).toFixed(1)));

  let round = 0;
  const text = h('input', { type: 'text', id: new_id(), value: question, maxlength: 300,
    autocomplete: 'off', spellcheck: 'false', oninput: () => show() });
  const chips = h('div', { class: 'lab-chips' }, BEGINNINGS.map((words) =>
    button(words, () => { text.value = words; show(); say(); })));
  const change = () => show();
  const temperature = slider({ label: 'Temperature', values: tenths(0.1, 2), value: 1,
    format: (x) => x.toFixed(1), ends: ['0.1: the likeliest', '2: wild'], change });
  const top_p = slider({ label: 'Top-p', value: 0.95, format: (x) => x.toFixed(2), change,
    values: Array.from({ length: 20 }, (_, i) => Number((0.05 * (i + 1)).toFixed(2))),
    ends: ['0.05: few', '1: all tokens'] });
  const counts = h('p', { class: 'lab-note' });
  const bars = h('ul', { class: 'lab-bars lab-tall' }), texts = h('ol', { class: 'lab-draws' });
  const live = h('p', { class: 'lab-hidden', role: 'status' });
  const again = button('Draw five others', () => { round += 1; show(); say(); });

  const seen = (token) => token.replaceAll(' ', '·').replaceAll('\n', '⏎');
  // A full bar is what can be drawn, an outline what was cut off.
  const bar = ([token, warm, cut]) => h('li', {}, h('code', {}, seen(token)),
    h('span', { class: 'lab-bar' }, h('i', { class: cut ? '' : 'lab-cut',
      style: `width:${100 * (cut || warm)}%` })), h('span', {}, cut ? percent(cut) : 'cut'));

  const show = newest(async () => {
    const dials = { temperature: temperature.value, topP: top_p.value }, prompt = text.value;
    try {
      const { top, kept, entropy } = await ask(shelf[0], prompt, dials, 'next');
      counts.textContent = `${kept.toLocaleString('en')} of 1,000 tokens kept, entropy ` +
        `${entropy.toFixed(2)} nats`;
      bars.replaceChildren(...top.map(bar));
      const drawn = [];
      for (let i = 0; i < DRAWS; i++) {
        const found = await ask(shelf[0], prompt, { ...dials, n: 16, seed: DRAWS * round + i });
        drawn.push(h('li', {}, h('b', {}, prompt), found.text));
      }
      texts.replaceChildren(...drawn);
      fail(null);
    } catch (error) {
      for (const place of [counts, bars, texts]) place.replaceChildren();
      fail(error);
    }
  });
  const say = () => setTimeout(() => {
    live.textContent = `${counts.textContent}. First draw: ${texts.firstChild?.textContent ?? ''}`;
  }, 400);

  show();
  return [h('label', { for: text.id }, 'The beginning of a text'), text, chips,
    h('div', { class: 'lab-controls', onchange: say }, temperature.element, top_p.element),
    counts, bars, h('p', { class: 'lab-head' }, 'Five draws, the first 16 tokens of each'), texts,
    again, live];
};
