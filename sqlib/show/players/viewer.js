// The players of figures: movie, map of embeddings, playground of augmentations, threshold. Each is an element with
// data-sq-player (its kind) and data-facts (JSON); without this script it is a still. An element is wired once, however
// often the page holds this script, and no name is left in the page's scope.
(() => {
  'use strict';
  const press = (button, on) => button.setAttribute('aria-pressed', on);
  const pressed = (button) => button.getAttribute('aria-pressed') === 'true';
  const toggle = (button) => press(button, !pressed(button));
  const draw = (path, boxes) => path.setAttribute('d', boxes.map(([a, b, c, d]) => `M${a} ${b}H${c}V${d}H${a}z`).join(''));
  const speak = (slider, say, words) => {
    say.textContent = words;
    slider.setAttribute('aria-valuetext', words);
  };
  const turner = ({cols, rows}) => (img, i) => {
    img.style.transform = `translate(${-100 * (i % cols) / cols}%, ${-100 * Math.floor(i / cols) / rows}%)`;
  };

  const players = {
    // Never starts by itself, and runs through once only where the reader asked for reduced motion.
    movie(box, one, facts) {
      const sheet = one('img'), slider = one('input'), button = one('button'), say = one('output');
      const {words, layers} = facts, last = words.length - 1, calm = matchMedia('(prefers-reduced-motion: reduce)');
      const switches = [...box.querySelectorAll('[data-layer]')], paths = box.querySelectorAll('.sq-boxes path');
      const turn = turner(facts);
      let timer = null;
      const show = (i) => {
        slider.value = i;
        turn(sheet, i);
        let text = words[i];
        switches.forEach((layer, j) => {
          const boxes = pressed(layer) ? layers[j][i] : [];
          draw(paths[j], boxes);
          if (boxes.length) text += `, ${layer.textContent.toLowerCase()}`;
        });
        speak(slider, say, text);
      };
      const stop = () => {
        clearInterval(timer);
        timer = null;
        button.textContent = 'Play';
        say.ariaLive = 'polite';
      };
      const step = () => {
        const i = +slider.value + 1;
        if (i <= last) show(i);
        else if (calm.matches) stop();
        else show(0);
      };
      button.addEventListener('click', () => {
        if (timer !== null) return stop();
        if (+slider.value === last) show(0);
        timer = setInterval(step, 1000 / facts.fps);
        button.textContent = 'Pause';
        say.ariaLive = 'off';
      });
      slider.addEventListener('input', () => { stop(); show(+slider.value); });
      switches.forEach((layer) => layer.addEventListener('click', () => { toggle(layer); show(+slider.value); }));
      one('[data-filter]')?.addEventListener('click', ({currentTarget: own}) => {
        toggle(own);
        sheet.style.setProperty('filter', pressed(own) ? own.dataset.filter : 'none', 'important');
      });
      show(+slider.value);
    },

    map(box, one, facts) {
      const svg = one('.sq-sides svg'), ring = one('.sq-ring'), tile = one('.sq-tile img'), say = one('output');
      const choose = one('select'), slider = one('input'), turn = turner(facts), marks = [];
      box.querySelectorAll('path[data-at]').forEach((path) => {
        for (const [, x, y] of path.getAttribute('d').matchAll(/M(\d+) (\d+)/g)) {
          const i = marks.length;
          marks.push({x: +x, y: +y, path, event: facts.of[i], frame: facts.frames[i], i});
        }
      });
      const runs = facts.events.map(() => []);
      marks.forEach((mark) => runs[mark.event].push(mark));
      runs.forEach((run) => run.sort((a, b) => a.frame - b.frame));
      let now = null;
      const show = (mark) => {
        if (mark === now) return;
        now = mark;
        const run = runs[mark.event], words = `frame ${mark.frame}, ${mark.path.dataset.class}`;
        choose.value = mark.event;
        slider.max = run.length - 1;
        slider.value = run.indexOf(mark);
        speak(slider, say, words);
        say.textContent = `${facts.events[mark.event]}, ${words}`;
        ring.setAttribute('transform', `translate(${mark.x} ${mark.y})`);
        ring.removeAttribute('visibility');
        turn(tile, mark.i);
      };
      const seek = (event) => {
        const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
        let best = null, least = 300 ** 2;
        for (const mark of marks) {
          const far = (mark.x - at.x) ** 2 + (mark.y - at.y) ** 2;
          if (far < least && mark.path.style.display !== 'none') [best, least] = [mark, far];
        }
        if (best) show(best);
      };
      svg.addEventListener('pointermove', seek);
      svg.addEventListener('click', (event) => { seek(event); slider.focus({preventScroll: true}); });
      choose.addEventListener('change', () => show(runs[choose.value][0]));
      slider.addEventListener('input', () => show(runs[choose.value][slider.value]));
      box.querySelectorAll('.sq-legend button').forEach((button) => {
        button.disabled = false;
        button.addEventListener('click', () => {
          toggle(button);
          one(`path[data-at="${button.value}"]`).style.display = pressed(button) ? '' : 'none';
        });
      });
      show(marks[facts.first]);
    },

    playground(box, one, facts) {
      const [frame, pass, kind] = box.querySelectorAll('select'), [again, mark] = box.querySelectorAll('button');
      const [before, after] = box.querySelectorAll('.sq-screen img'), paths = box.querySelectorAll('.sq-boxes path');
      const turn = turner(facts), say = one('output'), sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
      const per = sum(facts.states);
      let drawn = 0;
      const show = () => {
        const draws = facts.states[kind.value], first = +frame.value * facts.passes * per;
        drawn %= draws;
        const tile = first + pass.value * per + sum(facts.states.slice(0, kind.value)) + drawn;
        again.disabled = draws === 1;
        turn(before, first);
        turn(after, tile);
        paths.forEach((path, i) => draw(path, pressed(mark) ? facts.boxes[i ? tile : first] : []));
        before.alt = frame.selectedOptions[0].text;
        after.alt = [frame, pass, kind].map((choice) => choice.selectedOptions[0].text).join(', then ');
        say.textContent = facts.words[tile] + (draws > 1 ? ` Draw ${drawn + 1} of ${draws}.` : '');
      };
      after.src = before.src;
      for (const choice of [frame, pass, kind]) choice.addEventListener('change', () => { drawn = 0; show(); });
      again.addEventListener('click', () => { drawn += 1; show(); });
      mark.addEventListener('click', () => { toggle(mark); show(); });
      show();
    },

    threshold(box, one, facts) {
      const slider = one('input'), say = one('output');
      const show = () => {
        speak(slider, say, facts.words[slider.value]);
        one('.sq-now').setAttribute('transform', `translate(${facts.places[slider.value]} 0)`);
      };
      slider.addEventListener('input', show);
      show();
    },
  };

  const wire = () => document.querySelectorAll('[data-sq-player]:not([data-ready])').forEach((box) => {
    box.dataset.ready = '1';
    players[box.dataset.sqPlayer](box, (what) => box.querySelector(what), JSON.parse(box.dataset.facts));
    box.querySelectorAll('[data-live]').forEach((part) => { part.hidden = false; });
  });
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', wire);
  else wire();
})();
