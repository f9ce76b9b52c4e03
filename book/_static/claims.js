// The page of claims: shows those of one verdict and of one chapter. Without it all are shown.
(() => {
  const start = () => {
    const form = document.querySelector('form.claims-filter');
    if (!form) return;
    const claims = [...document.querySelectorAll('article.claim')];
    const shown = form.querySelector('.shown');
    const chosen = (name) => form.querySelector(`input[name="${name}"]:checked`).value;

    const filter = () => {
      const [verdict, chapter] = [chosen('verdict'), chosen('chapter')];
      claims.forEach((claim) => {
        claim.hidden = (verdict && claim.dataset.verdict !== verdict)
          || (chapter && !claim.dataset.chapters.split(' ').includes(chapter));
      });
      const left = claims.filter((claim) => !claim.hidden).length;
      shown.textContent = left === claims.length ? `All ${left} claims are shown.`
        : `${left} of ${claims.length} claims ${left === 1 ? 'is' : 'are'} shown.`;
    };
    // Who comes by a link to one claim sees it, whatever was chosen before.
    const arrive = () => {
      const target = location.hash && document.getElementById(location.hash.slice(1));
      if (!target?.hidden) return;
      form.querySelectorAll('input[value=""]').forEach((each) => { each.checked = true; });
      filter();
      target.scrollIntoView();
    };
    form.addEventListener('change', filter);
    form.addEventListener('submit', (event) => event.preventDefault());
    addEventListener('hashchange', arrive);
    form.hidden = false;
    filter(); // a browser may restore what was chosen when it reloads the page
    arrive();
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
