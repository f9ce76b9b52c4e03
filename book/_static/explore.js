// Moves the pictures that lib.explore drew beforehand: no kernel, no network.
(() => {
  const start = (figure) => {
    const data = figure.querySelector('script[type="application/json"]');
    if (!data) return; // a picture without sliders
    const { images, frames, captions } = JSON.parse(data.textContent);
    const sliders = [...figure.querySelectorAll('input[type="range"]')];
    const values = sliders.map((slider) => JSON.parse(slider.dataset.values));
    const image = figure.querySelector('img');
    const narrow = figure.querySelector('source');
    const caption = figure.querySelector('figcaption');
    const layout = () => (narrow && matchMedia(narrow.media).matches ? 1 : 0);
    const loaded = new Map();

    const index = (places) => places.reduce((sum, at, i) => sum * values[i].length + at, 0);
    const load = (places) => {
      const url = images[frames[index(places)][layout()]];
      if (loaded.has(url)) return;
      const ahead = new Image();
      ahead.src = url;
      loaded.set(url, ahead);
    };
    // The frames one step away are fetched ahead, so that the next move does not flicker.
    const neighbours = (places) => places.forEach((at, i) => [at - 1, at + 1]
      .filter((next) => next >= 0 && next < values[i].length)
      .forEach((next) => load(places.map((other, j) => (j === i ? next : other)))));

    const show = () => {
      const places = sliders.map((slider) => Number(slider.value));
      sliders.forEach((slider, i) => {
        const value = values[i][places[i]];
        slider.setAttribute('aria-valuetext', value);
        slider.nextElementSibling.value = value;
        const done = (100 * places[i]) / Math.max(values[i].length - 1, 1);
        slider.style.setProperty('--done', `${done}%`);
      });
      const at = index(places);
      narrow.srcset = images[frames[at][1]];
      image.src = images[frames[at][0]];
      image.alt = captions[at];
      if (caption.textContent !== captions[at]) caption.textContent = captions[at];
      return places;
    };
    sliders.forEach((slider) => {
      slider.addEventListener('input', () => neighbours(show()));
      slider.addEventListener('focus', () => neighbours(sliders.map((each) => Number(each.value))));
    });
    show(); // a browser may restore a slider's place when it reloads the page
    figure.dataset.ready = 'true';
  };
  const all = () => document.querySelectorAll('figure.explore').forEach(start);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', all);
  else all();
})();
