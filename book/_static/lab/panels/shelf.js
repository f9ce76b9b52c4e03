// Take it away: every adapter of this page as a file, files back in, and several mixed on one base.
'use strict';

lab_panels.shelf = (_, fail) => {
  const { h, slider, button, newest, whole, prompt_of, shelf, put, drop, on, ask } =
    lab_panels.kit;
  const QUESTIONS = ['What is the capital of Japan?', 'In Africa there'];
  const SHARES = Array.from({ length: 31 }, (_, i) => Number((-1 + i / 10).toFixed(1)));
  const list = h('ul', { class: 'lab-list' }), dials = h('div', { class: 'lab-controls' });
  const weights = new Map(); // entry -> its share in the mixture
  const said = h('p', { class: 'lab-note', role: 'status' });

  function download({ name, adapter }) {
    const url = URL.createObjectURL(new Blob([lab.save(adapter)],
      { type: 'application/octet-stream' }));
    const link = h('a', { href: url, download: `${name.replace(/\W+/g, '-')}.safetensors` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  const file = h('input', { type: 'file', accept: '.safetensors', id: 'lab-file',
    onchange: async () => {
      const [given] = file.files;
      if (!given) return;
      fail(null);
      try {
        if (lab_panels.kit.training) throw new Error('wait for the end of the training');
        const adapter = lab.load(new Uint8Array(await given.arrayBuffer()));
        const entry = { adapter };
        await ask(entry, 'a', { n: 1 }); // a file for another model is refused here
        put(given.name.replace(/\.safetensors$/, ''), adapter);
        said.textContent = `${given.name} is on the shelf.`;
      } catch (error) {
        fail(new Error(`${given.name}: ${error.message}`));
      }
      file.value = '';
    } });

  function about({ kind, rank, alpha, arrays }) {
    const numbers = Object.values(arrays).reduce((sum, each) => sum + each.numbers.length, 0);
    const what = kind === 'lora' ? `rank ${rank}, α ${alpha}` : 'every weight';
    return `${what}, ${whole(numbers)} numbers, ${whole(Math.round((4 * numbers) / 1000))} kB`;
  }

  // One question for each thing that an adapter here may have learned.
  const answers = QUESTIONS.map((question) => h('p', { class: 'lab-quote' }, `${question} …`));
  const mixed = { name: 'mixture', adapter: null };
  const mix = newest(async () => {
    const parts = [...weights].filter(([, weight]) => weight !== 0)
      .map(([{ adapter }, weight]) => [adapter, weight]);
    const worn = parts.length ? { ...mixed, adapter: lab.mix(parts) } : shelf[0];
    for (const [i, question] of QUESTIONS.entries()) {
      const { text } = await ask(worn, prompt_of(question), { n: 20 });
      answers[i].textContent = `${question} → ${text.trim() || '(it stops at once)'}`;
    }
    fail(null);
  });
  const mix_or_tell = () => mix().catch(fail);

  function fill() {
    const own = shelf.filter(({ adapter }) => adapter);
    list.replaceChildren(...own.map((entry) => h('li', {}, h('b', {}, entry.name), ' ',
      h('span', { class: 'lab-note' }, about(entry.adapter)), ' ',
      button('Download', () => download(entry), { 'aria-label': `Download ${entry.name}` }), ' ',
      button('Remove', () => drop(entry), { 'aria-label': `Remove ${entry.name}` }))));
    const lora = own.filter(({ adapter }) => adapter.kind === 'lora' && adapter.rank <= 16);
    for (const entry of [...weights.keys()]) if (!lora.includes(entry)) weights.delete(entry);
    for (const entry of lora) if (!weights.has(entry)) weights.set(entry, 0);
    dials.replaceChildren(...lora.map((entry) => slider({ label: entry.name, values: SHARES,
      value: weights.get(entry), ends: ['−1: against it', '2: too much'],
      format: (x) => x.toFixed(1), change: (share) => {
        weights.set(entry, share);
        mix_or_tell();
      } }).element));
  }

  fill();
  on('shelf', fill);
  mix_or_tell();
  return [h('p', { class: 'lab-head' }, 'On the shelf'), list,
    h('p', {}, h('label', { for: 'lab-file' }, 'Put a file on the shelf: '), file), said,
    h('p', { class: 'lab-head' }, 'Mix'), dials, ...answers];
};
