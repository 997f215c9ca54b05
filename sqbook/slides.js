// Slides are hidden, not taken away: MathJax and the players measure them.
(() => {
  const slides = [...document.querySelectorAll('main > section')], nav = document.querySelector('nav');
  const [back, on] = nav.querySelectorAll('button'), say = nav.querySelector('output');
  let at = 0;
  const show = (i, focus) => {
    at = Math.max(0, Math.min(slides.length - 1, i));
    slides.forEach((slide, j) => slide.classList.toggle('on', j === at));
    say.textContent = `${at + 1} / ${slides.length}`;
    back.disabled = at === 0; on.disabled = at === slides.length - 1;
    if (focus) { history.replaceState(null, '', `#${slides[at].id}`); slides[at].querySelector('h1, h2').focus(); }
  };
  const find = () => slides.indexOf(document.getElementById(location.hash.slice(1))?.closest('section'));
  const steps = { ArrowRight: 1, PageDown: 1, ' ': 1, ArrowLeft: -1, PageUp: -1, Home: -1e9, End: 1e9 };
  addEventListener('keydown', (event) => {
    const step = steps[event.key], own = event.target.closest('main :is(input, select, button, a, summary, [tabindex="0"])');
    if (!step || own || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === ' ' && event.target.closest('nav')) return;
    event.preventDefault(); show(at + step, true);
  });
  back.addEventListener('click', () => show(at - 1, true));
  on.addEventListener('click', () => show(at + 1, true));
  addEventListener('hashchange', () => { if (find() >= 0) show(find()); });
  document.documentElement.classList.add('paged'); nav.hidden = false; show(Math.max(0, find()));
})();
