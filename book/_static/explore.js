// Moves the pictures that lib.explore drew beforehand: no kernel, no network.
(() => {
  // A row of controls: which of its values is chosen, and how to say and to choose another.
  const row = (element) => {
    const values = JSON.parse(element.dataset.values);
    const inputs = [...element.querySelectorAll('input')];
    const [range] = inputs;
    if (range.type === 'radio') {
      return {
        values,
        inputs,
        place: () => inputs.findIndex((each) => each.checked),
        choose: (at) => { inputs[at].checked = true; inputs[at].focus(); },
        say: () => {},
      };
    }
    const choose = (at) => { range.value = at; };
    element.querySelectorAll('button').forEach((button) => button.addEventListener('click', () => {
      choose(Number(range.value) + Number(button.value));
      range.dispatchEvent(new Event('input', { bubbles: true }));
    }));
    return {
      values,
      inputs,
      place: () => Number(range.value),
      choose,
      say: (at) => {
        range.setAttribute('aria-valuetext', values[at]);
        element.querySelector('output').value = values[at];
        range.style.setProperty('--done', `${(100 * at) / Math.max(values.length - 1, 1)}%`);
      },
    };
  };

  const start = (figure) => {
    const data = figure.querySelector('script[type="application/json"]');
    if (!data) return; // a picture without controls
    const { images, frames, captions } = JSON.parse(data.textContent);
    const rows = [...figure.querySelectorAll('.explore-row')].map(row);
    const image = figure.querySelector('img');
    const narrow = figure.querySelector('source');
    const recital = figure.querySelector('.recital');
    const layout = () => (narrow && matchMedia(narrow.media).matches ? 1 : 0);
    const loaded = new Map();

    const now = () => rows.map((each) => each.place());
    const index = (places) => places.reduce((sum, at, i) => sum * rows[i].values.length + at, 0);
    const load = (places) => {
      const url = images[frames[index(places)][layout()]];
      if (loaded.has(url)) return;
      const ahead = new Image();
      ahead.src = url;
      loaded.set(url, ahead);
    };
    // The frames one step away are fetched ahead, so that the next move does not flicker.
    const neighbours = (places) => places.forEach((at, i) => [at - 1, at + 1]
      .filter((next) => next >= 0 && next < rows[i].values.length)
      .forEach((next) => load(places.map((other, j) => (j === i ? next : other)))));

    const show = () => {
      const places = now();
      rows.forEach((each, i) => each.say(places[i]));
      const at = index(places);
      narrow.srcset = images[frames[at][1]];
      image.src = images[frames[at][0]];
      image.alt = captions[at];
      return places;
    };
    const move = () => {
      neighbours(show());
      if (recital.textContent !== image.alt) recital.textContent = image.alt;
    };
    rows.forEach(({ values, inputs, choose }) => inputs.forEach((input) => {
      input.addEventListener('input', move);
      input.addEventListener('focus', () => neighbours(now()));
      // Radio buttons don't know these keys, which sliders do.
      const ends = { Home: 0, End: values.length - 1 };
      input.addEventListener('keydown', (event) => {
        if (input.type !== 'radio' || !(event.key in ends)) return;
        event.preventDefault();
        choose(ends[event.key]);
        move();
      });
    }));
    // Who reads on has the picture's own words, and shall not meet them a second time.
    figure.addEventListener('focusout', (event) => {
      if (!figure.contains(event.relatedTarget)) recital.textContent = '';
    });
    figure.querySelector('form').addEventListener('submit', (event) => event.preventDefault());
    show(); // a browser may restore a slider's place when it reloads the page
    figure.dataset.ready = 'true';
  };
  const all = () => document.querySelectorAll('figure.explore').forEach(start);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', all);
  else all();
})();
