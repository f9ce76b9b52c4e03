// Parts: sublayers or heads of the base are switched off, and its answer stands beside the whole's.
'use strict';

lab_panels.parts = ({ heads, text: given = 'The capital of Japan is' }, fail) => {
  const { h, new_id, choice, button, newest, likeliest, shelf, ask } = lab_panels.kit;
  const names_of = (block) => [...(heads === undefined ? [['attention', `attention ${block}`]]
    : [1, 2, 3, 4].map((head) => [`head ${head}`, `head ${block}.${head}`])),
  ['feed-forward', `feed-forward ${block}`]];
  const blocks = [1, 2, 3, 4].map(names_of), all = blocks.flat().map(([, name]) => name);

  const text = h('input', { type: 'text', id: new_id(), value: given, maxlength: 300,
    autocomplete: 'off', spellcheck: 'false', oninput: () => show() });
  const chips = ['Japan', 'Peru', 'Poland', 'Kenya'].map((name) => button(name, () => {
    const fact = /^The \w+ of .* is/.test(text.value) ? text.value : given;
    text.value = fact.replace(/^(The \w+ of ).*( is.*)$/, `$1${name}$2`);
    show();
    say();
  }));
  const rows = blocks.map((parts, i) => choice({ label: `Block ${i + 1}`, several: true,
    options: parts.map(([words, name]) => [name, words]), value: parts.map(([, name]) => name),
    change: () => { show(); say(); } }));
  const set = (on) => { rows.forEach((row) => row.set(on)); show(); say(); };
  const off = () => {
    const on = rows.flatMap((row) => row.value);
    return all.filter((name) => !on.includes(name));
  };

  const whole = h('p', { class: 'lab-answer lab-base' }), left = h('p', { class: 'lab-answer' });
  const title = h('p', { class: 'lab-head' }), bars = h('ul', { class: 'lab-bars' });
  const live = h('p', { class: 'lab-hidden', role: 'status' });

  const show = newest(async () => {
    const gone = off(), settings = { n: 14, strength: 0 };
    try {
      const plain = await ask(shelf[0], text.value, settings);
      const found = await ask(shelf[0], text.value, { ...settings, off: gone });
      whole.textContent = plain.text.trim() || '(it stops at once)';
      left.textContent = found.text.trim() || '(it stops at once)';
      title.textContent = !gone.length ? 'With all parts'
        : gone.length > 4 ? `Without ${gone.length} parts` : `Without ${gone.join(', ')}`;
      bars.replaceChildren(...likeliest(found.top));
      fail(null);
    } catch (error) { // an answer to an earlier prompt must not stand under this one
      for (const place of [whole, left, bars]) place.replaceChildren();
      fail(error);
    }
  });
  // Those who hear the page are told once a control rests.
  const say = () => setTimeout(() => {
    live.textContent = `${title.textContent} it writes: ${left.textContent}`;
  }, 400);

  show();
  return [h('label', { for: text.id }, 'Beginning of a text'), text,
    h('div', { class: 'lab-chips' }, chips),
    h('p', { class: 'lab-head' }, 'Press a part to switch it off'),
    h('div', { class: 'lab-parts' }, rows.map((row) => row.element)),
    h('div', { class: 'lab-buttons' }, button('All on', () => set(all))),
    h('div', { class: 'lab-answers' }, h('div', {}, h('p', { class: 'lab-head' },
      'The whole model writes'), whole), h('div', {}, title, left)),
    h('p', { class: 'lab-head' }, 'Its likeliest next tokens; a dot is a space'), bars, live];
};
