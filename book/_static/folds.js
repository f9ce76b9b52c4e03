// What is wider than its place scrolls, and the theme lets the keyboard reach it; but it looks only when
// the page loads or changes its size, while folds are closed.
document.addEventListener('click', ({ target }) => {
  if (target.closest('.toggle-button, summary')) dispatchEvent(new Event('resize'));
});
