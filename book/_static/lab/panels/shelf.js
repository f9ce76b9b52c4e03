// Take it away: every adapter of this page as a file, files back in, and several mixed.
'use strict';

lab_panels.shelf = (_, fail) => {
  const { h, button, whole, shelf, put, drop, on, ask } = lab_panels.kit;
  const list = h('ul', { class: 'lab-list' });
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

  function fill() {
    const own = shelf.filter(({ adapter }) => adapter);
    list.replaceChildren(...own.map((entry) => h('li', {}, h('b', {}, entry.name), ' ',
      h('span', { class: 'lab-note' }, about(entry.adapter)), ' ',
      button('Download', () => download(entry), { 'aria-label': `Download ${entry.name}` }), ' ',
      button('Remove', () => drop(entry), { 'aria-label': `Remove ${entry.name}` }))));
  }

  fill();
  on('shelf', fill);
  return [h('p', { class: 'lab-head' }, 'On the shelf'), list,
    h('p', {}, h('label', { for: 'lab-file' }, 'Put a file on the shelf: '), file), said,
    ...lab_panels.mix({}, fail)];
};
