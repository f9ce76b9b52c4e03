// Tokens: any text as the course's tokenizer cuts it, and how merges make the tokens of one word.
'use strict';

lab_panels.tokens = ({ text: given = 'The capital of Ivory Coast is Yamoussoukro.' }, fail,
  tokenizer) => {
  const { h, new_id, slider, button, whole } = lab_panels.kit;
  const SUGGESTIONS = ['The capital of Japan is', 'The capital of Japan is ', 'tea, Tea and TEA',
    'She counted 98, 99, 100.', 'Côte d’Ivoire, 東京 🙂'];
  const numbered = (count, word) => `${whole(count)} ${word}${count === 1 ? '' : 's'}`;

  let words = [], at = 0; // the text's words, and the place of the one that is taken apart
  let steps = [], stepper = null;
  const text = h('input', { type: 'text', id: new_id(), value: given, maxlength: 300,
    autocomplete: 'off', spellcheck: 'false', oninput: () => show() });
  const seen = (characters) => characters.replaceAll(' ', '·').replaceAll('\n', '⏎')
    .replaceAll('\t', '⇥');
  const chips = h('div', { class: 'lab-chips' }, SUGGESTIONS.map((words) =>
    button(words.replace(/ $/, '·'), () => { text.value = words; show(); say(); })));
  const counts = h('p', {}), cut = h('div', { class: 'lab-words', role: 'group',
    'aria-label': 'Tokens of the text' });
  const place = h('div', { class: 'lab-controls', onchange: () => say() });
  const told = h('p', {}), made = h('div', { class: 'lab-words' });
  const live = h('p', { class: 'lab-hidden', role: 'status' });

  const hex = (bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

  // What a token shows: its characters, or its bytes where they are no whole characters.
  function name_of(id) {
    const characters = tokenizer.decode([id]);
    return characters.includes('\ufffd') ? `‹${hex(tokenizer.pieces[id])}›` : seen(characters);
  }

  const token = (id, fresh = false) => h('span', { class: `lab-token${fresh ? ' lab-fresh' : ''}` },
    h('code', {}, name_of(id)), ' ', h('span', {}, String(id)), ' ',
    h('small', {}, hex(tokenizer.pieces[id])));

  // The longest word, where the one that was taken apart is no longer in the text.
  function chosen(before) {
    const longest = Math.max(...words.map((word) => word.length));
    const same = words.indexOf(before);
    return same >= 0 ? same : words.findIndex((word) => word.length === longest);
  }

  function show() {
    try {
      const before = words[at];
      words = tokenizer.cut(text.value);
      const ids = words.map((word) => tokenizer.encode(word)), all = ids.flat();
      const characters = [...text.value].length;
      const bytes = all.reduce((sum, id) => sum + tokenizer.pieces[id].length, 0);
      counts.textContent = `${numbered(characters, 'character')}, ${numbered(bytes, 'byte')}, ` +
        `${numbered(all.length, 'token')}` +
        (all.length ? `: ${(characters / all.length).toFixed(2)} characters a token.` : '.');
      cut.replaceChildren(...ids.map((own, i) => button(own.map((id) => token(id)),
        () => { take(i); say(); }, { class: 'lab-word' })));
      take(chosen(before));
      fail(null);
    } catch (error) {
      for (const each of [counts, cut, place, told, made]) each.replaceChildren();
      fail(error);
    }
  }

  // Take a word apart: its merges wait on the slider, from its bytes to its tokens.
  function take(index) {
    at = index;
    [...cut.children].forEach((word, i) => word.setAttribute('aria-pressed', i === index));
    steps = index >= 0 ? tokenizer.steps_of(words[index]) : [];
    stepper = steps.length > 1 ? slider({ label: `Merges in ${seen(words[index])}`, value: 0,
      values: steps.map((_, i) => i), ends: ['0: bytes', `${steps.length - 1}: tokens`],
      change: step }) : null;
    place.replaceChildren(...(stepper ? [stepper.element] : []));
    step();
  }

  function step() {
    if (!steps.length) { told.textContent = ''; made.replaceChildren(); return; }
    const { ids, new_id: fresh } = steps[stepper?.value ?? 0];
    made.replaceChildren(...ids.map((id) => token(id, id === fresh)));
    if (fresh !== null) {
      const number = fresh - 255, [left, right] = tokenizer.merges[number - 1].map(name_of);
      told.textContent = `Of all pairs that stand here, ${left} + ${right} was learnt first: ` +
        `merge ${number} of ${tokenizer.merges.length} makes it token ${fresh}.`;
    } else if (stepper) told.textContent = 'Each byte is a token of its own.';
    else if (ids.length === 1) told.textContent = `${name_of(ids[0])} is a single byte.`;
    else told.textContent = `No merge joins any two bytes of ${seen(words[at])}.`;
  }

  // Those who hear the page are told once a control rests.
  const say = () => setTimeout(() => {
    live.textContent = `${counts.textContent} ${told.textContent}`;
  }, 400);

  show();
  return [h('label', { for: text.id }, 'Your text'), text, chips, counts, cut,
    h('p', { class: 'lab-note' }, 'Each token has its number and its bytes below it; a dot is a ' +
      'space. Press a word to see how its tokens come about.'), place, told, made, live];
};

// The tokenizer alone is enough, and no model is loaded for it.
lab_panels.tokens.prepare = () => lab.tokenizer();
