// Shows what a term means while a reader points at it, or reaches it by keyboard.
(() => {
  const start = () => {
    const links = [...document.querySelectorAll('a.reference[title]')]
      .filter((link) => link.querySelector('.std-term'));
    if (!links.length) return;
    const tip = document.createElement('div');
    tip.className = 'tip';
    tip.setAttribute('aria-hidden', 'true'); // a screen reader has the link's own description
    tip.hidden = true;
    document.body.append(tip);
    const hide = () => { tip.hidden = true; };
    const show = (link) => {
      tip.textContent = link.getAttribute('aria-description');
      tip.hidden = false;
      const [line] = link.getClientRects();
      const width = document.documentElement.clientWidth;
      tip.style.left = `${Math.max(8, Math.min(line.left, width - tip.offsetWidth - 8))}px`;
      const below = line.bottom + tip.offsetHeight + 4 < innerHeight;
      tip.style.top = `${below ? line.bottom : line.top - tip.offsetHeight}px`;
    };
    links.forEach((link) => {
      link.setAttribute('aria-description', link.title);
      link.removeAttribute('title'); // or the browser would show it as well
      ['mouseenter', 'focus'].forEach((event) => link.addEventListener(event, () => show(link)));
      // The pointer may move onto the tip.
      link.addEventListener('mouseleave', (event) => { if (event.relatedTarget !== tip) hide(); });
      link.addEventListener('blur', hide);
    });
    tip.addEventListener('mouseleave', hide);
    addEventListener('scroll', hide, { capture: true, passive: true });
    addEventListener('keydown', (event) => { if (event.key === 'Escape') hide(); });
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
