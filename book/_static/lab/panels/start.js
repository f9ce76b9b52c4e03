// Starts the panels of a page: loads the model's code when one of them comes near, and not before.
//
// <div class="lab-panel" data-panel="ask">what stands here without scripts</div>
(() => {
  'use strict';
  const FOLDER = new URL('..', document.currentScript.src).href;
  // In the order in which they need each other; the data comes later, at the first question.
  const FILES = ['kernels', 'layers', 'attention', 'model', 'lora', 'svd', 'optim', 'training',
    'generation', 'tokenizer', 'evaluation', 'quantise', 'safetensors', 'mixing', 'settings',
    'worker', 'lab', 'panels/kit', 'panels/plot', 'panels/ask', 'panels/sampling',
    'panels/train', 'panels/sweep', 'panels/example', 'panels/pairs', 'panels/faults', 'panels/mix',
    'panels/shelf', 'panels/same', 'panels/tokens', 'panels/prompt', 'panels/parts',
    'panels/memory', 'panels/cache', 'panels/second'];
  // A page loads its own panels, and what they need of others.
  const NEEDED = { shelf: ['mix'] }, SHARED = ['kit', 'plot'];
  let loaded = null;

  function files() {
    const names = [...document.querySelectorAll('.lab-panel')].map(({ dataset }) => dataset.panel);
    const own = [...SHARED, ...names, ...names.flatMap((name) => NEEDED[name] ?? [])];
    return FILES.filter((name) => !name.startsWith('panels/') || own.includes(name.slice(7)));
  }

  function load() {
    loaded ??= Promise.all(files().map((name) => new Promise((done, fail) => {
      const script = document.createElement('script');
      Object.assign(script, { src: `${FOLDER}${name}.js`, async: false, onload: done });
      script.onerror = () => fail(new Error(`${name}.js could not be loaded`));
      document.head.append(script);
    })));
    return loaded;
  }

  async function open(element) {
    element.dataset.opening = 'true';
    try {
      await load();
      await lab_panels.open(element);
    } catch (error) {
      loaded = null; // so that another try is possible
      element.append(` The model could not be started: ${error.message}.`);
      for (const button of element.querySelectorAll('button')) button.disabled = false;
    }
    delete element.dataset.opening;
  }

  // Where a page is light and most readers pass by, the model waits until it is asked for.
  function offer(element) {
    const button = document.createElement('button');
    Object.assign(button, { type: 'button', textContent: 'Start the model (1.2 MB)' });
    button.addEventListener('click', () => { button.disabled = true; open(element); });
    element.append(' ', button);
  }

  function watch() {
    const near = new IntersectionObserver((seen) => {
      for (const { isIntersecting, target } of seen) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        open(target);
      }
    }, { rootMargin: '200px' });
    document.querySelectorAll('.lab-panel').forEach((element) => {
      if (element.dataset.start === 'touch') offer(element);
      else near.observe(element);
    });
  }

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', watch);
  else watch();
})();
