// Draws the charts of a page as SVG, from the data of chart_data.py: charts.draw(chart, place, details) fills a place and,
// if it has details, a table of the numbers when these are opened. It returns a function that draws it again with other series.
// What was in the place is replaced: a browser that saves a page saves what the scripts have drawn, too.
//
// The colours are variables of the style, so that a chart follows the light or dark scheme without being drawn again.
"use strict";

const charts = (() => {
  const { element, drawn, paint, row } = page;
  const { written, toTicks, linearTicks, logTicks, placed, range } = ticks;
  const DASHES = ["", "7 4", "2 3", "9 3 2 3"], TOP = 30, RIGHT = 16, BOTTOM = 46, NEAR = 40;

  // --- smoothing: an exponential moving average without the bias of its start (Kingma & Ba, 2015)

  function smoothed(values, share) {
    let mean = 0, weight = 0;
    return values.map((value) => {
      if (value === null) return null;
      mean = share * mean + (1 - share) * value;
      weight = share * weight + (1 - share);
      return mean / weight;
    });
  }

  // --- marks

  const SHAPES = {
    circle: (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
    square: (r) => `M${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
    triangle: (r) => `M0 ${-1.2 * r}L${1.1 * r} ${0.9 * r}H${-1.1 * r}z`,
    diamond: (r) => `M0 ${-1.5 * r}L${1.5 * r} 0L0 ${1.5 * r}L${-1.5 * r} 0z`,
    cross: (r) => `M${-r} ${-r}L${r} ${r}M${-r} ${r}L${r} ${-r}`,
    star: (r) => "M" + Array.from({ length: 10 }, (_, i) => {
      const at = Math.PI * (i / 5 - 0.5), far = (i % 2 ? 0.8 : 1.9) * r;
      return `${(far * Math.cos(at)).toFixed(2)} ${(far * Math.sin(at)).toFixed(2)}`;
    }).join("L") + "z",
  };
  SHAPES.ring = SHAPES.circle;

  function symbol(each, x, y) {
    const open = each.symbol === "ring" || each.symbol === "cross";
    const mark = drawn("path", { d: SHAPES[each.symbol](each.size ?? 4), transform: `translate(${x} ${y})` });
    paint(mark, "fill", open ? "none" : each.colour);
    paint(mark, "stroke", open ? each.colour : "--paper");
    mark.style.setProperty("stroke-width", open ? "2" : "1");
    return mark;
  }

  function stroke(each, d, width = each.width) {
    const line = drawn("path", { d, class: "line", "stroke-dasharray": DASHES[each.dash ?? 0] });
    line.style.setProperty("stroke-width", width);
    return paint(line, "stroke", each.colour);
  }

  function swatch(each) {
    const made = drawn("svg", { width: 30, height: 14, "aria-hidden": "true" });
    if (each.kind === "bars") made.append(paint(drawn("rect", { x: 8, y: 1, width: 13, height: 12 }), "fill", each.colour));
    if (each.kind === "line") made.append(stroke(each, "M1 7H29"));
    if (each.symbol) made.append(symbol({ ...each, size: Math.min(each.size ?? 4, 5) }, 15, 7));
    return made;
  }

  // --- a chart

  function draw(chart, place, details) {
    const hidden = new Set(), state = { zoom: null, smoothing: 0, at: null };
    const shown = () => chart.series.filter((each) => !hidden.has(each));
    const legend = element("div", { class: "legend", role: "group", "aria-label": `lines of ${chart.title}` });
    const tip = element("div", { class: "tip", "aria-hidden": "true", hidden: "" });
    const spoken = element("div", { class: "unseen", role: "status" });
    const frame = element("div", { class: "frame" });
    const controls = element("p", { class: "controls" });
    let picture = null, points = [], scale = null, named = [];

    function explain() { // a button for each named series, which hides and shows it
      const names = named.map(({ name }) => name).join("\n");
      named = chart.series.filter((each) => each.name && each.legend !== false);
      if (names === named.map(({ name }) => name).join("\n")) return;
      legend.hidden = !(named.length > 1 || (named.length && chart.always));
      legend.replaceChildren(...named.map((one, k) => {
        const key = element("button", { type: "button", "aria-pressed": "true" }, swatch(one), one.name);
        key.addEventListener("click", () => {
          const each = named[k];
          const same = chart.series.filter((other) => other === each || (other.legend === false && other.name === each.name));
          for (const one of same) if (!hidden.delete(one)) hidden.add(one);
          key.setAttribute("aria-pressed", String(!hidden.has(each)));
          redraw();
        });
        return key;
      }));
    }
    explain();
    place.replaceChildren(legend, frame, tip, spoken);
    const reset = element("button", { type: "button", hidden: "" }, "Reset the zoom");
    reset.addEventListener("click", () => zoom(null));
    if (chart.smooth) {
      const slider = element("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: 0 });
      const says = element("output", {}, "off");
      slider.addEventListener("input", () => {
        state.smoothing = Number(slider.value);
        says.textContent = state.smoothing ? state.smoothing.toFixed(2) : "off";
        redraw();
      });
      controls.append(element("label", {}, "smoothing ", slider), says);
    }
    if (chart.zoom) controls.append(reset);
    if (controls.childElementCount) place.append(controls);

    function zoom(to) {
      const had = document.activeElement === reset;
      state.zoom = to;
      reset.hidden = !to;
      redraw();
      if (had && !to) picture.focus();
    }

    // where the data are on the screen
    function measure() {
      const width = page.room(place), height = chart.height;
      const { x, y } = chart, of = shown();
      const within = (each, i) => !state.zoom || (each.x[i] >= state.zoom[0] && each.x[i] <= state.zoom[1]);
      let xs = state.zoom ?? range((of.length ? of : chart.series).flatMap((each) => each.kind === "bars"
        ? [each.x[0] - each.bar / 2, each.x.at(-1) + each.bar / 2] : each.x), x, x.zero || chart.series.some((e) => e.kind === "bars") ? 0 : 0.02);
      const bases = new Map(), stacked = [];
      for (const each of of) if (each.kind === "bars") each.x.forEach((at, i) => {
        const base = bases.get(at) ?? 0;
        stacked.push({ each, i, base });
        bases.set(at, base + each.y[i]);
      });
      const values = of.flatMap((each) => each.kind === "bars" ? []
        : [each.y, each.low ?? [], each.high ?? []].flatMap((list) => list.filter((_, i) => within(each, i))));
      const free = { ...y, range: state.zoom && !y.percent ? null : y.range };
      let ys = range([...values, ...bases.values()], free, y.log ? 0.06 : 0);
      if (bases.size) ys[0] = 0;
      if (!y.log && !y.hidden) ys = toTicks(...ys, height / 60, y);
      const yTicks = y.hidden ? [] : (y.log ? logTicks : linearTicks)(...ys, height / 60, y);
      const left = y.hidden ? 16 : Math.max(...yTicks.map(({ text }) => page.width(text)), 20) + 10;
      const plot = { left, right: width - RIGHT, top: TOP, bottom: height - BOTTOM };
      const fits = Math.max(2, Math.floor((plot.right - plot.left) / 80));
      if (x.zero && !x.log && !state.zoom) xs = toTicks(...xs, fits, x);
      const toX = (value) => plot.left + ((placed(value, x) - xs[0]) / (xs[1] - xs[0])) * (plot.right - plot.left);
      const toY = (value) => plot.bottom - ((placed(value, y) - ys[0]) / (ys[1] - ys[0])) * (plot.bottom - plot.top);
      const xTicks = x.names ? x.names.map((text, value) => ({ value, text })) : (x.log ? logTicks : linearTicks)(...xs, fits, x);
      return { width, height, plot, xs, ys, xTicks, yTicks, toX, toY, stacked, within };
    }

    function axes({ plot, xTicks, yTicks, xs, ys, width, height }) {
      const made = drawn("g", { class: "axes" });
      const text = (content, attributes) => drawn("text", attributes, content);
      let taken = -Infinity;
      for (const { value, text: content } of xTicks) {
        const at = plot.left + ((value - xs[0]) / (xs[1] - xs[0])) * (plot.right - plot.left), half = page.width(content) / 2;
        if (!chart.axes) made.append(drawn("line", { x1: at, x2: at, y1: plot.top, y2: plot.bottom }));
        if (at - half < taken + 8) continue; // labels do not touch
        const inside = Math.max(Math.min(at, width - half - 1), half + 1);
        taken = inside + half;
        made.append(text(content, { x: inside, y: plot.bottom + 19, "text-anchor": "middle", class: "x-tick" }));
      }
      for (const { value, text: content } of yTicks) {
        const at = plot.bottom - ((value - ys[0]) / (ys[1] - ys[0])) * (plot.bottom - plot.top);
        made.append(drawn("line", { x1: plot.left, x2: plot.right, y1: at, y2: at }),
          text(content, { x: plot.left - 8, y: at + 5, "text-anchor": "end", class: "y-tick" }));
      }
      if (chart.y.title) made.append(text(chart.y.label ?? chart.y.title, { x: 0, y: 15, class: "axis" }));
      if (chart.x.title) made.append(text(chart.x.label ?? chart.x.title, { x: plot.right, y: height - 6, "text-anchor": "end", class: "axis" }));
      return made;
    }

    function redraw() {
      scale = measure();
      const { plot, toX, toY, width, height, stacked, within } = scale;
      const clip = `clip-${chart.id}`, inside = drawn("g", { "clip-path": `url(#${clip})` });
      const margin = 10; // for the marks at the edges
      const made = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: "application",
        class: "picture", "aria-roledescription": "chart", "aria-label": chart.title, "aria-describedby": `about-${chart.id}` },
      drawn("clipPath", { id: clip }, drawn("rect", { x: plot.left - margin, y: plot.top - margin,
        width: plot.right - plot.left + 2 * margin, height: plot.bottom - plot.top + 2 * margin })), axes(scale), inside);
      points = [];
      for (const { each, i, base } of stacked) {
        const x = toX(each.x[i] - each.bar / 2), y = toY(base + each.y[i]);
        const bar = drawn("rect", { x, y, width: Math.max(toX(each.x[i] + each.bar / 2) - x - 1, 1), height: Math.max(toY(base) - y, 0) });
        inside.append(paint(bar, "fill", each.colour));
        points.push({ each, i, x: toX(each.x[i]), y });
      }
      for (const each of shown()) if (each.kind !== "bars") line(each, inside, toX, toY, within);
      if (chart.axes) parallel(made, plot, toX);
      const had = picture && document.activeElement === picture;
      (picture ?? frame.appendChild(drawn("svg"))).replaceWith(made);
      picture = made;
      if (had) made.focus();
      listen(made, plot);
      say(null);
    }

    function line(each, inside, toX, toY, within) {
      const at = (values) => each.x.map((x, i) => values[i] === null || placed(x, chart.x) === null
        || placed(values[i], chart.y) === null ? null : [toX(x), toY(values[i])]);
      const path = (list) => {
        let d = "", before = null;
        for (const [i, point] of list.entries()) {
          if (point) d += !before ? `M${point.map((n) => n.toFixed(1))}`
            : each.step ? `H${point[0].toFixed(1)}V${point[1].toFixed(1)}` : `L${point.map((n) => n.toFixed(1))}`;
          before = each.pairs && i % 2 ? null : point; // a line from the first to the second, from the third to the fourth
        }
        return d;
      };
      const known = at(each.y), group = drawn("g", { class: each.kind });
      if (each.opacity) group.style.setProperty("opacity", each.opacity);
      const isAlone = (i) => each.kind === "line" && !known[i - 1] && !known[i + 1]; // no line leads to it
      if (each.kind === "line") {
        const smooth = each.smooth && state.smoothing > 0, raw = stroke(each, path(known));
        if (smooth) raw.style.setProperty("opacity", 0.25);
        group.append(raw);
        if (smooth) group.append(stroke(each, path(at(smoothed(each.y, state.smoothing))), Math.max(each.width, 2)));
      }
      known.forEach((point, i) => {
        if (!point || !within(each, i)) return;
        if (each.low) group.append(stroke({ ...each, dash: 0 }, `M${point[0]} ${toY(each.low[i])}V${toY(each.high[i])}`, 1.2));
        if (each.symbol || isAlone(i)) group.append(symbol({ symbol: "circle", ...each }, ...point));
        if (!each.quiet) points.push({ each, i, x: point[0], y: point[1], group });
      });
      inside.append(group);
    }

    function parallel(made, plot, toX) { // axes of their own, each with named values
      chart.axes.forEach((names, i) => {
        const x = toX(i);
        made.append(drawn("line", { x1: x, x2: x, y1: plot.top, y2: plot.bottom, class: "own-axis" }));
        for (const [height, text] of names) {
          const y = scale.toY(height) + 5;
          made.append(drawn("text", { x: x + 5, y, class: "name" }, text));
        }
      });
    }

    // --- one point: by the mouse, a finger or the keys

    function say(point) {
      state.at = point;
      picture.querySelector(".here")?.remove();
      picture.querySelector(".here-line")?.classList.remove("here-line");
      tip.hidden = !point;
      if (!point) return;
      const { each, i } = point, interval = each.low ? ` (${written(each.low[i], chart.y)} to ${written(each.high[i], chart.y)})` : "";
      const lines = each.note ? [] : [`${chart.x.title} ${written(each.x[i], chart.x)}`,
        `${chart.y.title} ${written(each.y[i], chart.y)}${interval}`];
      const notes = (each.note ?? each.notes?.[i] ?? "").split("\n").filter(Boolean);
      tip.replaceChildren(...[each.name, ...lines, ...notes].filter(Boolean).map((text, k) => element(k === 0 ? "b" : "span", {}, text)));
      const ring = drawn("circle", { cx: point.x, cy: point.y, r: 8, class: "here" });
      picture.append(ring);
      if (chart.axes) point.group.classList.add("here-line");
      const left = point.x + 14 + tip.offsetWidth > scale.width ? point.x - 14 - tip.offsetWidth : point.x + 14;
      tip.style.left = `${Math.max(left, 0)}px`;
      tip.style.top = `${frame.offsetTop + Math.max(point.y - tip.offsetHeight - 6, 0)}px`;
    }
    const speak = (point) => {
      say(point);
      spoken.textContent = point ? [...tip.children].map((each) => each.textContent).join(", ") : "";
    };
    const nearest = (x, y, among = points) => among.reduce((best, point) => {
      const far = Math.hypot(point.x - x, point.y - y);
      return far < best.far ? { far, point } : best;
    }, { far: Infinity, point: null });

    function listen(made, plot) {
      let start = null, band = null;
      const place_of = (event) => {
        const box = made.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
      };
      made.addEventListener("pointermove", (event) => {
        const [x, y] = place_of(event);
        if (start !== null && band) {
          band.setAttribute("x", Math.min(start, x));
          band.setAttribute("width", Math.abs(x - start));
          return say(null);
        }
        const { far, point } = nearest(x, y);
        say(far < NEAR ? point : null);
      });
      made.addEventListener("pointerleave", () => say(null));
      made.addEventListener("pointerdown", (event) => {
        if (!chart.zoom || event.button) return;
        [start] = place_of(event);
        band = made.appendChild(drawn("rect", { class: "band", y: plot.top, height: plot.bottom - plot.top, x: start, width: 0 }));
        made.setPointerCapture(event.pointerId);
      });
      const end = (event) => {
        if (start === null) return;
        const from = start, [to] = place_of(event);
        start = null;
        band.remove();
        if (event.type === "pointerup" && Math.abs(to - from) > 10) between(Math.min(from, to), Math.max(from, to));
      };
      made.addEventListener("pointerup", end);
      made.addEventListener("pointercancel", end);
      made.addEventListener("dblclick", () => state.zoom && zoom(null));
      made.addEventListener("blur", () => say(null));
      made.addEventListener("keydown", keys);
    }
    function between(from, to) {
      const { plot, xs } = scale, at = (x) => xs[0] + ((x - plot.left) / (plot.right - plot.left)) * (xs[1] - xs[0]);
      zoom([Math.max(at(from), xs[0]), Math.min(at(to), xs[1])]);
    }

    function keys(event) {
      const now = state.at, along = now ? points.filter(({ each }) => each === now.each) : [];
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], other = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if ((step || other) && !points.length) return;
      if ((step || other) && !now) speak(points[0]);
      else if (step) speak(along[Math.min(Math.max(along.indexOf(now) + step, 0), along.length - 1)]);
      else if (event.key === "Home" && now) speak(along[0]);
      else if (event.key === "End" && now) speak(along.at(-1));
      else if (other) {
        const lines = [...new Set(points.map(({ each }) => each))], next = lines.indexOf(now.each) + other;
        const among = points.filter(({ each }) => each === lines[Math.min(Math.max(next, 0), lines.length - 1)]);
        speak(nearest(now.x, now.y, among).point);
      } else if (event.key === "Escape") say(null);
      else if (chart.zoom && event.key === "+") {
        const { plot } = scale, middle = now?.x ?? (plot.left + plot.right) / 2, reach = (plot.right - plot.left) / 4;
        between(Math.max(middle - reach, plot.left), Math.min(middle + reach, plot.right));
      } else if (chart.zoom && (event.key === "-" || event.key === "0")) zoom(null);
      else return;
      event.preventDefault();
    }

    page.redrawn(place, redraw);
    const renew = details ? numbers(chart, details) : () => {};
    return (series) => {
      const names = new Set([...hidden].map(({ name }) => name));
      chart.series = series;
      hidden.clear();
      for (const each of series) if (names.has(each.name)) hidden.add(each);
      explain();
      redraw();
      renew();
    };
  }

  // --- the numbers of a chart as a table, which is made when it is opened

  function table({ title, series, words, x, y }) {
    const made = element("table");
    if (words) {
      made.createCaption().textContent = title;
      const strongest = [...words.names.keys()].sort((i, j) => Math.abs(words.weights[j]) - Math.abs(words.weights[i]));
      made.append(row("th", ["word", ...(words.kinds ? ["evidence for"] : []), "weight", "nearest"]), ...strongest.map((i) =>
        row("td", [words.names[i], ...(words.kinds ? [words.kinds[words.kind[i]]] : []), page.signed(words.weights[i]),
          words.nearest(i).map((j) => words.names[j]).join(" | ")])));
      return element("div", { class: "scroll", tabindex: 0 }, made);
    }
    const of = series.filter((each) => !each.quiet);
    made.createCaption().textContent = title;
    const intervals = of.some((each) => each.low), notes = of.some((each) => each.notes || each.note);
    const plain = (value) => (value === null ? "not finite" : String(Number(value.toPrecision(6))));
    made.append(row("th", ["name", x.title || "x", y.title || "y",
      ...(intervals ? ["from", "to"] : []), ...(notes ? ["note"] : [])]));
    for (const each of of)
      each.x.forEach((value, i) => made.append(row("td", [each.name || title, plain(value), plain(each.y[i]),
        ...(intervals ? (each.low ? [plain(each.low[i]), plain(each.high[i])] : ["", ""]) : []),
        ...(notes ? [each.note ?? each.notes?.[i] ?? ""] : [])])));
    return element("div", { class: "scroll", tabindex: 0 }, made);
  }

  function numbers(chart, details) { // returns a function that writes the table again
    const write = () => {
      if (!details.open) return;
      details.querySelector(".scroll")?.remove();
      details.append(table(chart));
    };
    details.addEventListener("toggle", write);
    return write;
  }

  function all(list) {
    for (const chart of list) {
      const place = document.getElementById(chart.id);
      const details = document.querySelector(`details.numbers[data-chart="${chart.id}"]`);
      if (!chart.words) draw(chart, place, details);
      else {
        map(chart, place); // map.js
        numbers(chart, details);
      }
    }
    document.body.dataset.drawn = String(list.length);
  }

  return { all, draw };
})();
