// In the page of all chapters, before it is printed on sheets that are `width` pixels wide.
(width) => {
  for (const still of document.querySelectorAll('.bd-article noscript')) still.outerHTML = still.textContent;
  for (const folded of document.querySelectorAll('.bd-article details')) folded.open = true;
  for (const image of document.images) image.loading = 'eager';

  // Each chapter has its own "summary" and "id1": the chapter's name goes before them, as in the builder's links.
  const mark = (name, place) => `document-${name}${place && '--' + place}`;
  const known = new Set([...document.querySelectorAll('[id^="document-"]')].map((one) => one.id.slice(9)));
  let name = '';
  for (const one of document.querySelectorAll('.bd-article *:not(svg *)')) {
    if (one.id.startsWith('document-')) { name = one.id.slice(9); continue; }
    if (one.id) one.id = mark(name, one.id);
    for (const key of ['for', 'aria-labelledby', 'aria-describedby', 'aria-controls']) {
      const ids = one.getAttribute(key);
      if (ids) one.setAttribute(key, ids.split(' ').map((id) => mark(name, id)).join(' '));
    }
    const source = one.getAttribute('src'), href = one.getAttribute('href');
    if (source?.startsWith('../')) one.src = new URL(source, `file:///${name}.html`).pathname.slice(1); // seen from the chapter
    if (href === null || /^(#document-|[a-z]+:)/.test(href)) continue;
    const link = new URL(href, `file:///${name}.html`), page = decodeURI(link.pathname.slice(1)).replace(/\.html$/, '');
    if (known.has(page)) one.setAttribute('href', '#' + mark(page, link.hash.slice(1)));
    else one.removeAttribute('href'); // a file beside the book, which one PDF does not hold
  }

  // What is wider than the sheet is made smaller by itself; Chromium would shrink the whole book to its widest table.
  for (const one of document.querySelectorAll('.bd-article table, .bd-article mjx-container[display]')) {
    const box = (one.closest('.sq-table') || one.parentElement).getBoundingClientRect(), own = one.getBoundingClientRect();
    const inner = one.matches('mjx-container') ? one.firstElementChild.getBoundingClientRect() : own;
    const ratio = Math.min(box.width, width) / Math.max(inner.width, one.scrollWidth);
    if (ratio < 1) one.style.zoom = Math.max(0.3, 0.98 * ratio);
  }
}
