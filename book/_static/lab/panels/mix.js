// Mix: the changes that several adapters make to the weights, added up, each with a share.
'use strict';

lab_panels.mix = ({ adapters = '', shares = '', labels = '' }, fail) => {
  const { h, slider, newest, prompt_of, shelf, on, ask } = lab_panels.kit;
  const QUESTIONS = ['What is the capital of Japan?', 'The capital of France is',
    'In Africa there'];
  const SHARES = Array.from({ length: 31 }, (_, i) => Number((-1 + i / 10).toFixed(1)));
  const names = adapters.split(' ').filter((name) => name), given = shares.split(' ').map(Number);
  const called = labels.split(' '); // by what names a chapter knows these adapters
  const dials = h('div', { class: 'lab-controls' });
  const weights = new Map(); // entry -> its share in the mixture

  // One question for each thing that an adapter here may have learned.
  const answers = QUESTIONS.map((question) => h('p', { class: 'lab-quote' }, `${question} …`));
  const mix = newest(async () => {
    try {
      const parts = [...weights].filter(([, weight]) => weight !== 0)
        .map(([{ adapter }, weight]) => [adapter, weight]);
      const worn = parts.length ? { name: 'mixture', adapter: lab.mix(parts) } : shelf[0];
      for (const [i, question] of QUESTIONS.entries()) {
        const { text } = await ask(worn, prompt_of(question), { n: 20 });
        answers[i].textContent = `${question} → ${text.trim() || '(it stops at once)'}`;
      }
      fail(null);
    } catch (error) {
      answers.forEach((answer) => { answer.textContent = ''; });
      fail(error);
    }
  });

  function fill() {
    const lora = shelf.filter(({ adapter, name }) => adapter?.kind === 'lora' &&
      adapter.rank <= 16 && (!names.length || names.includes(name)));
    for (const entry of [...weights.keys()]) if (!lora.includes(entry)) weights.delete(entry);
    for (const entry of lora) {
      if (!weights.has(entry)) weights.set(entry, given[names.indexOf(entry.name)] || 0);
    }
    dials.replaceChildren(...lora.map((entry) => slider({
      label: called[names.indexOf(entry.name)] || entry.name, values: SHARES,
      value: weights.get(entry), ends: ['−1: subtracted', '2: too much'],
      format: (x) => x.toFixed(1), change: (share) => {
        weights.set(entry, share);
        mix();
      } }).element));
  }

  fill();
  on('shelf', fill);
  mix();
  return [h('p', { class: 'lab-head' }, 'Mix'), dials, ...answers];
};
