// Before MathJax, which reads its settings from here.
window.MathJax = { options: { enableMenu: false, ignoreHtmlClass: 'aria-status' }, svg: { fontCache: 'local', scale: 0.9 } };
for (const link of document.querySelectorAll('main a[href]')) { // to what is not in the deck: plain words
  const href = link.getAttribute('href');
  if (href.startsWith('#') ? !document.getElementById(href.slice(1)) : !/^https?:/.test(href)) link.replaceWith(...link.childNodes);
}
Reveal.initialize({
  width: 1280, height: 720, margin: 0.02, center: false, transition: 'none', hash: true, slideNumber: 'c/t',
  navigationMode: 'linear', // arrow keys reach every slide
  keyboard: { 35: () => Reveal.slide(1e9, 1e9) }, // End: the last of the subslides, too
  viewDistance: 999, mobileViewDistance: 999, // the players and MathJax measure what is not shown yet
  keyboardCondition: (event) => !event.target.closest('main :is(button, select, input, a, summary, [tabindex="0"])'),
  plugins: [RevealNotes],
});
