// Draws the map of an embedding, from the data of word_map.py: map(chart, place). Both axes have the same scale.
"use strict";

function map(chart, place) {
  const { element, drawn, paint } = page, { names, x, y, weights, near, cosines, kinds, kind, colours, nothing, full, isByNeighbours } = chart.words;
  const SIDE = 22, EDGE = 100, HIGHEST = isByNeighbours ? 760 : 480, LINE = 19, NAMED = 48, REACH = 26, NEAREST = 5;
  const nearest = chart.words.nearest = cosines ? (i) => near[i] : nearestOnTheMap; // with cosines, the most similar are given
  const order = [...names.keys()].sort((i, j) => Math.abs(weights[j]) - Math.abs(weights[i])); // in which words are named
  const reach = Math.max(...weights.map(Math.abs), full); // as drawn_sizes in explain.py
  const weightOf = (i) => `${kinds ? `${kinds[kind[i]]} ` : ""}${page.signed(weights[i])}`;
  const byPlace = [...names.keys()].sort((i, j) => x[i] - x[j] || y[i] - y[j]);
  const frame = element("div", { class: "frame" });
  const field = element("input", { type: "search", dir: "auto", autocomplete: "off", spellcheck: "false" });
  const found = element("output", {}), chosen = element("p", { class: "chosen", "aria-live": "polite" });
  place.replaceChildren();
  if (kinds) {
    place.append(element("p", { class: "legend" }, "Evidence for ", ...kinds.map((name, k) => element("span", {},
      drawn("svg", { width: 14, height: 14, "aria-hidden": "true" }, paint(drawn("circle", { cx: 7, cy: 7, r: 5 }), "fill", colours[k])), name))));
  }
  place.append(frame, element("p", { class: "controls find" }, element("label", {}, "find a word ", field), found), chosen);
  let picture = null, spots = [], picked = null, matching = null;

  function draw() {
    const width = page.room(place);
    const [left, right, low, high] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
    const scale = Math.min((width - 2 * SIDE) / (right - left || 1), (HIGHEST - 2 * EDGE) / (high - low || 1e-9));
    const height = Math.min((high - low) * scale + 2 * EDGE, HIGHEST);
    const toX = (value) => width / 2 + (value - (left + right) / 2) * scale;
    const toY = (value) => height / 2 - (value - (low + high) / 2) * scale;
    spots = names.map((_, i) => ({ i, x: toX(x[i]), y: toY(y[i]) }));
    const dots = drawn("g", { class: "dots" }), labels = drawn("g", { class: "labels" });
    for (const spot of spots) {
      const dot = drawn("circle", { cx: spot.x.toFixed(1), cy: spot.y.toFixed(1), r: 4 });
      const weight = weights[spot.i], share = Math.abs(weight) < nothing ? 0 : (100 * Math.abs(weight)) / reach;
      paint(dot, "fill", kinds ? colours[kind[spot.i]]
        : `color-mix(in srgb, var(${weight < 0 ? "--negative" : "--positive"}) ${share.toFixed(0)}%, var(--dot))`);
      spot.dot = dots.appendChild(dot);
    }
    const had = picture && document.activeElement === picture;
    const made = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "picture map", tabindex: 0,
      role: "application", "aria-roledescription": "map", "aria-label": chart.title, "aria-describedby": `about-${chart.id}` }, dots, labels);
    (picture ?? frame.appendChild(drawn("svg"))).replaceWith(made);
    picture = made;
    listen();
    if (had) made.focus();
    crop(label(order.slice(0, NAMED), null));
    show();
  }

  function crop(boxes) { // to the dots and the names of the strongest words: words on a line need little room
    const top = Math.floor(Math.min(...boxes.map((box) => box.top), ...spots.map(({ y }) => y - 2 * LINE)) - 2);
    const bottom = Math.ceil(Math.max(...boxes.map((box) => box.bottom), ...spots.map(({ y }) => y + 2 * LINE)) + 2);
    const { width } = picture.viewBox.baseVal;
    picture.setAttribute("viewBox", `0 ${top} ${width} ${bottom - top}`);
    picture.setAttribute("height", bottom - top);
  }

  function nearestOnTheMap(i) {
    const far = (j) => (x[j] - x[i]) ** 2 + (y[j] - y[i]) ** 2;
    return [...names.keys()].filter((j) => j !== i).sort((j, k) => far(j) - far(k)).slice(0, NEAREST);
  }

  // a label is placed where it touches no other: beside its dot, or above or below it with a thin line to the dot
  function label(list, must) {
    const { y: highest, width, height } = picture.viewBox.baseVal, taken = [], labels = picture.querySelector(".labels");
    const touch = (a, b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
    labels.replaceChildren();
    for (const i of list) {
      const { x: atX, y: atY } = spots[i], text = page.width(names[i]) * (must === i ? 1.12 : 1), half = text / 2;
      const places = [[8, 0], [-8 - text, 0]];
      for (let up = 1; up <= 5; up++) for (const side of [-1, 1]) for (const shift of [-half, -text + 6, -6])
        places.push([shift, side * up * LINE]);
      const boxes = places.map(([dx, dy]) => {
        const box = { left: atX + dx - 2, right: atX + dx + text + 2, top: atY + dy - 9, bottom: atY + dy + 9, dy };
        const end = Math.min(Math.max(atX, box.left + 4), box.right - 4); // of the line from the dot
        const line = { left: Math.min(atX, end) - 1, right: Math.max(atX, end) + 1, top: dy < 0 ? box.bottom : atY, bottom: dy < 0 ? atY : box.top };
        return Object.assign(box, { end, line: dy ? line : null });
      });
      const covered = (box) => spots.filter((spot) => spot.i !== i
        && touch(box, { left: spot.x - 3, right: spot.x + 3, top: spot.y - 3, bottom: spot.y + 3 })).length;
      const fits = (box) => box.left >= 1 && box.right <= width - 1 && box.top >= highest + 1 && box.bottom <= highest + height - 1;
      const free = boxes.find((box) => fits(box) && covered(box) < 2
        && !taken.some((other) => touch(box, other) || (box.line && touch(box.line, other))));
      const box = free ?? (must === i ? boxes.find(fits) : null);
      if (!box) continue;
      taken.push(box, ...(box.line ? [box.line] : []));
      if (box.dy) labels.append(drawn("line", { x1: atX, y1: atY, x2: box.end, y2: box.dy < 0 ? box.bottom - 2 : box.top + 3 }));
      labels.append(drawn("text", { x: box.left + 2, y: box.top + 14, class: i === must ? "picked" : "" }, names[i]));
    }
    return taken;
  }

  function show() {
    const bright = picked !== null ? new Set([picked, ...nearest(picked)]) : matching && new Set(matching);
    for (const { i, dot } of spots) {
      dot.classList.toggle("dim", Boolean(bright) && !bright.has(i));
      dot.classList.toggle("picked", i === picked);
    }
    if (picked !== null) picture.querySelector(".dots").append(spots[picked].dot);
    label((bright ? [...bright] : order).slice(0, NAMED), picked);
    chosen.replaceChildren();
    if (picked === null) return chosen.append(element("span", { class: "on-screen" },
      "Click a word to see its nearest words; or go to the map with Tab, and use the arrow keys."));
    const more = nearest(picked).map((j, k) => {
      const other = element("button", { type: "button" }, `${names[j]} ${cosines ? (cosines[picked][k] / 1000).toFixed(3) : weightOf(j)}`);
      other.addEventListener("click", () => pick(j, true));
      return other;
    });
    chosen.append(element("b", {}, names[picked]), ` weight ${weightOf(picked)}. `,
      !more.length ? "It has no neighbours: its vector is zero."
        : cosines ? "Most similar, by the cosine of their vectors: " : "Nearest on the map, with their weights: ", ...more);
  }

  function pick(i, focus) {
    picked = i;
    matching = null;
    show();
    if (focus) picture.focus();
  }

  function listen() {
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect(), [atX, atY] = [event.clientX - box.left, event.clientY - box.top + picture.viewBox.baseVal.y];
      const best = spots.reduce((a, b) => (Math.hypot(b.x - atX, b.y - atY) < Math.hypot(a.x - atX, a.y - atY) ? b : a));
      pick(Math.hypot(best.x - atX, best.y - atY) < REACH ? best.i : null);
    });
    picture.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (event.key === "Escape") pick(null);
      else if (step && picked === null) pick(byPlace[step > 0 ? 0 : byPlace.length - 1]);
      else if (step) pick(byPlace[Math.min(Math.max(byPlace.indexOf(picked) + step, 0), byPlace.length - 1)]);
      else return;
      event.preventDefault();
    });
  }
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase(), exact = names.indexOf(wanted);
    picked = wanted && exact >= 0 ? exact : null;
    matching = wanted && exact < 0 ? order.filter((i) => names[i].toLowerCase().includes(wanted)) : null;
    const inside = matching?.length ? `, but in ${matching.length} n-gram${matching.length === 1 ? "" : "s"} of it` : "";
    found.textContent = matching ? `not on the map${inside}` : "";
    show();
  });

  page.redrawn(place, draw);
}
