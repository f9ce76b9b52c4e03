// Prompt: a text of the reader's, the tokens that the base gets of it, and what it writes after them.
'use strict';

lab_panels.prompt = ({ text: given = 'The capital of Japan is ' }, fail) => {
  const { h, new_id, button, newest, percent, shelf, ask } = lab_panels.kit;
  const text = h('input', { type: 'text', id: new_id(), value: given, maxlength: 300,
    autocomplete: 'off', spellcheck: 'false', oninput: () => show() });
  const put = (words) => { text.value = words; show(); say(); };
  const space = button('Add or take away the space at the end', () =>
    put(text.value.endsWith(' ') ? text.value.trimEnd() : `${text.value} `));
  const chips = ['Japan', 'Peru', 'Poland'].map((name) =>
    button(name, () => put(`The capital of ${name} is `)));
  const seen = (token) => token.replaceAll(' ', '·');
  const tokens = h('div', { class: 'lab-words', role: 'group', 'aria-label': 'Its tokens' });
  const answer = h('p', { class: 'lab-answer' }), bars = h('ul', { class: 'lab-bars' });
  const live = h('p', { class: 'lab-hidden', role: 'status' });

  const show = newest(async () => {
    const prompt = text.value;
    try {
      const cut = await lab.tokens(prompt), found = await ask(shelf[0], prompt, { n: 12 });
      tokens.replaceChildren(...cut.map((token) => h('code', {}, seen(token))));
      answer.textContent = found.text.trim() || '(it stops at once)';
      bars.replaceChildren(...found.top.map(([token, share]) => h('li', {},
        h('code', {}, seen(token)), h('span', { class: 'lab-bar' },
          h('i', { style: `width:${100 * share}%` })), h('span', {}, percent(share)))));
      fail(null);
    } catch (error) { // an answer to an earlier prompt must not stand under this one
      for (const place of [tokens, answer, bars]) place.replaceChildren();
      fail(error);
    }
  });
  // Those who hear the page are told once a control rests.
  const say = () => setTimeout(() => { live.textContent = `It writes: ${answer.textContent}`; }, 400);

  show();
  return [h('label', { for: text.id }, 'Your prompt'), text,
    h('div', { class: 'lab-chips' }, space, chips), tokens,
    h('p', { class: 'lab-head' }, 'The model writes'), answer,
    h('p', { class: 'lab-head' }, 'Likeliest next tokens; a dot is a space'), bars, live];
};
