// Two live pictures of trainings: the loss by step, and what is learnt and kept by step. On the way
// 48 answers and 48 facts are asked for, so their shares aren't those of all, which meters show.
'use strict';

lab_panels.plot = () => {
  const { h, percent } = lab_panels.kit;
  const NS = 'http://www.w3.org/2000/svg', HEIGHT = 200;
  const LEFT = 44, TOP = 26, BOTTOM = 34;
  const s = (tag, attributes, text = '') => {
    const element = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };
  const runs = []; // {name, method, losses, probes: [{step, dev, factsKept}]}
  const losses = h('div'), shares = h('div');
  const element = h('div', { class: 'lab-plots' }, losses, shares);

  // An empty chart with its axes: from steps and values to places.
  function chart(place, title, steps, top, format, ticks, right) {
    const width = Math.max(place.clientWidth, 260);
    const svg = s('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img' });
    const x = (step) => LEFT + (step / steps) * (width - LEFT - right);
    const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
    svg.append(s('text', { x: 0, y: 14, class: 'lab-title' }, title));
    for (const tick of ticks) {
      svg.append(s('line', { x1: LEFT, x2: x(steps), y1: y(tick), y2: y(tick), class: 'lab-grid' }),
        s('text', { x: LEFT - 6, y: y(tick) + 4, 'text-anchor': 'end' }, format(tick)));
    }
    for (const tick of [0, steps / 2, steps]) {
      svg.append(s('text', { x: x(tick), y: HEIGHT - BOTTOM + 16, 'text-anchor': 'middle' },
        String(Math.round(tick))));
    }
    svg.append(s('text', { x: x(steps / 2), y: HEIGHT - 3, 'text-anchor': 'middle' }, 'step'));
    place.replaceChildren(svg);
    return { svg, x, y };
  }

  const line = (points, classes) => s('polyline', { points: points.map(([x, y]) =>
    `${x.toFixed(1)},${y.toFixed(1)}`).join(' '), class: `lab-line ${classes}` });

  function draw() {
    if (!runs.length || !element.isConnected) return;
    const steps = Math.max(20, ...runs.map((run) => run.steps));
    const top = Math.max(1, Math.ceil(Math.max(...runs.flatMap((run) => run.losses.slice(0, 5)),
      ...runs.map((run) => run.losses[run.losses.length - 1] ?? 0))));
    const left = chart(losses, 'Loss (nats a token)', steps, top, String, [0, top / 2, top], 52);
    const right = chart(shares, 'On the way: of 48 answers, 48 facts', steps, 1, percent,
      [0, 0.5, 1], 62);
    runs.forEach((run, i) => {
      const now = i === runs.length - 1, age = now ? '' : 'lab-old';
      const points = run.losses.map((loss, at) => [left.x(at + 1), left.y(Math.min(loss, top))]);
      left.svg.append(line(points, `lab-${run.method} ${age}`));
      const end = points[points.length - 1];
      if (end && now) left.svg.append(s('text', { x: end[0] + 4, y: end[1] - 2,
        class: `lab-${run.method}` }, run.name));
      const ends = [['dev', 'lab-task', 'answers'], ['factsKept', 'lab-facts', 'facts']].map(
        ([key, classes, words]) => {
          const known = run.probes.filter((probe) => Number.isFinite(probe[key]));
          const places = known.map((probe) => [right.x(probe.step), right.y(probe[key])]);
          right.svg.append(line(places, `${classes} ${age}`));
          const last = places[places.length - 1];
          return last && now && { x: last[0] + 6, y: last[1] + 4, classes, words };
        }).filter((label) => label);
      if (ends.length === 2 && Math.abs(ends[0].y - ends[1].y) < 15) { // apart, in their order
        const [upper, lower] = ends[0].y <= ends[1].y ? ends : [ends[1], ends[0]];
        const middle = Math.min(Math.max((upper.y + lower.y) / 2, TOP + 8), HEIGHT - BOTTOM - 8);
        [upper.y, lower.y] = [middle - 7, middle + 8];
      }
      for (const { x, y, classes, words } of ends) {
        right.svg.append(s('text', { x, y, class: classes }, words));
      }
    });
    const last = runs[runs.length - 1], probe = last.probes[last.probes.length - 1];
    left.svg.setAttribute('aria-label', `${last.name}: loss ${last.losses[0]?.toFixed(3)} in ` +
      `step 1, ${last.losses[last.losses.length - 1]?.toFixed(3)} in step ${last.losses.length}; ` +
      `${runs.length - 1} earlier runs in faint lines.`);
    right.svg.setAttribute('aria-label', `${last.name}: ${percent(probe?.dev)} of 48 development ` +
      `answers right, ${percent(probe?.factsKept)} of 48 facts kept.`);
  }

  let wanted = false; // at most once a frame
  const redraw = () => {
    if (wanted) return;
    wanted = true;
    requestAnimationFrame(() => { wanted = false; draw(); });
  };
  new ResizeObserver(redraw).observe(element);
  return { element, runs, redraw };
};
