// Draws one training step on one review, from the data of stepper.py, and shows its stages: stepper(host).show(drawing).
// Its lines are thin, but for what the stage is about, and for those of the unit that is chosen.
"use strict";

function stepper(host, moved = () => {}) {
  const WORD = [70, 164], TALL = 23, PITCH = 29, TOP = 30, BOTTOM = 60, SIDE = 6;
  const ROOMY = { BOX: 72, WIDE: 100, NARROW: 22, SPREAD: 46 }, TIGHT = { BOX: 66, WIDE: 84, NARROW: 10, SPREAD: 36 };
  const READABLE = 0.6; // below, the numbers are left out: the colours stay
  const LEAST = 0.85; // of the size of the drawing, so that its numbers can be read
  const GUTTER = 30; // left of the words, for the lines from the text
  const MEANING = {
    weight: "Each line is a weight. Choose a unit to see its own: wider lines are larger, green is positive, red and dashed "
      + "is negative.",
    gradient: "The wide lines are the gradients of this layer's weights: wider lines change the loss more. Where a line is "
      + "red and dashed, a larger weight decreases the loss. Boxes named d… are gradients, too.",
    logit: "Boxes named d… are gradients: how much the loss grows if the number grows a little.",
    change: "Lines are changes by the update: green where a weight increased, red and dashed where it decreased.",
    new: "Every number is from the forward pass with the new weights.",
  };
  let data = null, at = 0, chosen = null;

  const { element, drawn } = page;
  const back = element("button", { type: "button" }, "Back");
  const next = element("button", { type: "button" }, "Next");
  const slider = element("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "stage of the step" });
  const title = element("p", { class: "stage-title", "aria-live": "polite" });
  const review = element("p", { class: "review" });
  const picture = drawn("svg", { class: "network", tabindex: 0, role: "application" });
  const scroll = element("div", { class: "scroll" }, picture);
  const links = drawn("svg", { class: "links", "aria-hidden": "true" });
  const linked = element("div", { class: "linked" }, review, scroll, links);
  const meaning = element("p", { class: "faint" });
  const names = element("p", { class: "faint names" });
  const unit = element("div", { class: "unit", "aria-live": "polite" });
  const words = element("div", { class: "words" });
  host.classList.add("stepper");
  host.replaceChildren(element("div", { class: "controls" }, back, slider, next), title, linked, meaning, names, unit, words);

  const go = (to, byUser = true) => {
    at = Math.min(Math.max(to, 0), data.stages.length - 1);
    draw(true);
    moved(at, byUser);
  };
  back.addEventListener("click", () => go(at - 1));
  next.addEventListener("click", () => go(at + 1));
  slider.addEventListener("input", () => go(Number(slider.value)));
  picture.addEventListener("keydown", (event) => {
    if (!data || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "n") go(at + 1);
    else if (event.key === "b") go(at - 1);
    else if (event.key === "Escape") choose(null);
    else if (moves[event.key]) move(...moves[event.key]);
    else return;
    event.preventDefault();
  });
  review.addEventListener("click", (event) => { // a word: each of its rows in turn
    const rows = event.target.dataset?.rows?.split(",").map(Number);
    if (!rows) return;
    const found = chosen?.column === 0 ? rows.indexOf(chosen.row) : -1;
    choose(found === rows.length - 1 ? null : { column: 0, row: rows[found + 1] });
  });
  scroll.addEventListener("scroll", () => {
    link();
    page.fade(scroll);
  });
  let room = 0;
  new ResizeObserver(() => {
    if (data && linked.clientWidth) linked.clientWidth === room ? link() : draw(true);
    room = linked.clientWidth;
  }).observe(linked);

  let screen = null; // the stage before printing: on paper the empty boxes of the first one would say nothing
  addEventListener("beforeprint", () => {
    if (!data || at) return;
    screen = at;
    go(data.stages.length - 1, false);
  });
  addEventListener("afterprint", () => {
    if (screen !== null) go(screen, false);
    screen = null;
  });

  function choose(which) {
    chosen = which;
    draw(false);
  }

  function move(columns, rows) {
    if (!chosen) chosen = { column: data.stages[at].column ?? 1, row: 0 };
    else {
      const column = Math.min(Math.max(chosen.column + columns, 0), data.columns.length - 1);
      chosen = { column, row: Math.min(Math.max(chosen.row + rows, 0), count(data.columns[column]) - 1) };
    }
    if (!count(data.columns[chosen.column])) chosen = null;
    draw(false);
    if (chosen) reveal(chosen.column);
  }

  const entry = (column, row) => column.entries?.[row]
    ?? (column.of > 1 ? `${column.symbol}[${column.units[row]}]` : column.symbol);
  const count = (column) => (column.names ?? column.units).length;
  const largest = (numbers) => Math.max(...numbers.flat().map(Math.abs), 0) || 1;

  // --- numbers

  function short(value) { // at most 8 characters
    if (value === undefined || value === null) return "";
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size < 0.001 || size >= 10000) return page.power(value, 1);
    const said = page.number(value); // more than 4 decimals, if 4 would look whole
    return said.length <= 8 && size < 10 ? said : value.toFixed(size < 10 ? 4 : size < 1000 ? 2 : 0);
  }
  const long = (value) => (value === undefined || value === null ? "not finite" : page.number(value));

  // --- what a column and an edge show at this stage

  const valuesOf = (column) => (data.stages[at].kind === "after" ? column.after : column.values);

  function shownIn(index) {
    const column = data.columns[index], stage = data.stages[at];
    if (stage.kind !== "after" && stage.known.includes(index))
      return { name: `d${column.symbol}`, numbers: column.gradients, gradient: true };
    return { name: column.symbol, numbers: valuesOf(column) };
  }
  function reached(index) { // whether the forward pass has come this far
    const stage = data.stages[at];
    return stage.kind === "words" ? index === 0 : stage.kind === "forward" ? index <= stage.column : true;
  }
  function mode() {
    const kind = data.stages[at].kind;
    if (kind === "update") return "change";
    if (kind === "after") return "new";
    return kind === "gradient" || kind === "joined" || kind === "logit" ? "gradient" : "weight";
  }
  function about(stage) { // the gradients of an activation are those of its boxes: it has no weights
    const hasWeights = data.edges.some((edge) => edge.to === stage.column && edge.weights);
    return mode() === "gradient" && (stage.kind === "logit" || !hasWeights) ? "logit" : mode();
  }
  function linesOf(edge) { // of each source the number of each target
    const how = mode();
    if (how === "new") return edge.new;
    if (how === "change") return edge.new.map((row, i) => row.map((value, j) => value - edge.weights[i][j]));
    const done = data.stages.slice(0, at + 1).some((stage) => stage.kind === "gradient" && stage.column === edge.to);
    return how === "gradient" && done ? gradientsOf(edge) : edge.weights;
  }
  function gradientsOf(edge) { // of a weight: its input, or the share of a word in the pooling, times the gradient of its output
    const inputs = edge.shares ?? data.columns[edge.from].values, outputs = data.columns[edge.to].gradients;
    return inputs.map((input) => outputs.map((gradient) => input * gradient));
  }

  // --- drawing

  function layout() { // tight where a roomy one would have to be scrolled
    const roomy = laidOut(ROOMY);
    return scroll.clientWidth / roomy.width < LEAST ? laidOut(TIGHT) : roomy;
  }
  function laidOut({ BOX, WIDE, NARROW, SPREAD }) {
    const most = Math.max(...data.columns.map(count), 1);
    const height = TOP + most * PITCH + BOTTOM;
    let x = SIDE + GUTTER;
    const places = data.columns.map((column, index) => {
      const edge = data.edges.find((each) => each.to === index && !each.skip);
      if (edge) x += edge.weights ? WIDE : edge.all ? SPREAD : NARROW;
      const width = column.names ? wordWidth(column.names) : BOX;
      const place = { x, width, top: TOP + ((most - count(column)) * PITCH) / 2 };
      x += width;
      return place;
    });
    return { places, width: x + SIDE, height };
  }

  function draw(follow) {
    const stage = data.stages[at], { places, width, height } = layout();
    const focused = document.activeElement;
    back.disabled = at === 0;
    next.disabled = at === data.stages.length - 1;
    if (focused === back && back.disabled) (next.disabled ? slider : next).focus(); // a disabled button loses the focus
    if (focused === next && next.disabled) (back.disabled ? slider : back).focus();
    slider.max = data.stages.length - 1;
    slider.value = at;
    slider.setAttribute("aria-valuetext", stage.title);
    title.textContent = `${at + 1} of ${data.stages.length}: ${stage.title}`;
    meaning.textContent = MEANING[about(stage)];
    names.replaceChildren("From left to right: ", ...data.columns.flatMap((column, i) =>
      [i ? ", " : "", ...(column.names ? ["words"] : [element("b", {}, column.symbol), ` ${column.about ? `${column.about} (${column.title})` : column.title}`])]), ".");
    words.replaceChildren(...stage.lines.map(lineOf));
    picture.classList.toggle("choosing", Boolean(chosen));
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const fit = scroll.clientWidth / width; // a stage about the whole network is shown whole, if it can be
    const scale = Math.min(stage.column === null && fit > 0.25 ? fit : Math.max(fit, LEAST), 1);
    picture.classList.toggle("tiny", scale < READABLE);
    picture.setAttribute("width", Math.floor(width * scale));
    picture.setAttribute("height", Math.floor(height * scale));
    picture.setAttribute("aria-label", `The network at this stage: ${stage.title}. Arrow keys select a unit, `
      + "whose numbers follow the drawing; n shows the next stage, b the one before.");
    const lines = data.edges.map((edge) => linesTo(edge, stage, places));
    picture.replaceChildren(...lines.flatMap((each) => each.lines),
      ...data.columns.flatMap((column, index) => boxes(column, index, places, height)), ...lines.flatMap((each) => each.labels));
    unit.replaceChildren(...(chosen ? details(chosen) : []));
    if (follow && stage.column !== null) reveal(stage.column);
    for (const each of host.querySelectorAll(".words .scroll, .unit .scroll, .formula")) // so that the keyboard can scroll it
      if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
    writeReview();
    link();
    page.fade(scroll);
  }

  function linesTo(edge, stage, places) { // and the numbers of those that the chosen unit has
    const middle = (column, row) => places[column].top + row * PITCH + PITCH / 2;
    const x1 = places[edge.from].x + places[edge.from].width, x2 = places[edge.to].x;
    const active = stage.column === null || stage.column === edge.to || stage.kind === "after";
    const flow = stage.column === edge.to ? " flow" : ""; // it moves while phases.js plays
    const line = (i, j, attributes) => drawn("line",
      { x1, y1: middle(edge.from, i), x2, y2: middle(edge.to, j), ...attributes });
    const faint = active ? "" : " faint-line";
    if (edge.skip) return { lines: skips(edge, places, middle, faint), labels: [] };
    if (!edge.weights) {
      const sources = (j) => (edge.all ? data.columns[edge.from].units.map((_, i) => i) : [j]);
      return {
        lines: Array.from({ length: count(data.columns[edge.to]) }, (_, j) =>
          sources(j).map((i) => line(i, j, { class: `plain${faint}${flow}` }))).flat(),
        labels: [],
      };
    }
    const numbers = linesOf(edge), scale = largest(numbers), how = mode();
    const into = chosen?.column === edge.to, out = chosen?.column === edge.from;
    const own = (i, j) => (into && chosen.row === j) || (out && chosen.row === i);
    const ownScale = chosen ? largest(numbers.map((row, i) => row.filter((_, j) => own(i, j)))) : scale;
    const wide = !chosen && active && (how === "gradient" || how === "change") && numbers !== edge.weights;
    const thin = [], lit = [], labels = [];
    const faintness = Math.min(1, 10 / Math.sqrt(numbers.flat().length)).toFixed(2); // many lines would be a dark patch
    numbers.forEach((row, i) => row.forEach((value, j) => {
      if (!wide && !own(i, j)) return thin.push(line(i, j, { class: `thin faint-line${flow}`, "stroke-width": 0.8, "stroke-opacity": faintness }));
      if (wide && Math.abs(value) <= scale / 200) return;
      lit.push(line(i, j, {
        class: `${value < 0 ? "negative" : "positive"}${own(i, j) ? " picked" : ""}${flow}`,
        "stroke-width": ((own(i, j) ? 0.8 : 0.25) + (4.75 * Math.abs(value)) / (own(i, j) ? ownScale : scale)).toFixed(2),
      }));
      if (own(i, j)) labels.push(drawn("text", { class: "weight", "text-anchor": into ? "start" : "end",
        x: into ? x1 + 8 : x2 - 8, y: middle(into ? edge.from : edge.to, into ? i : j) + 5 }, short(value)));
    }));
    return { lines: [...thin, ...lit], labels };
  }

  function skips(edge, places, middle, faint) { // past the block
    const from = places[edge.from].x + places[edge.from].width, to = places[edge.to].x;
    const units = data.columns[edge.from].units, targets = data.columns[edge.to].units;
    return units.flatMap((name, i) => {
      const j = targets.indexOf(name);
      if (j < 0) return [];
      const [y1, y2, bend] = [middle(edge.from, i), middle(edge.to, j), (to - from) / 3];
      const d = `M${from} ${y1}C${from + bend} ${y1 - PITCH} ${to - bend} ${y2 - PITCH} ${to} ${y2}`;
      return [drawn("path", { d, class: `plain skip${faint}` })];
    });
  }

  function boxes(column, index, places, height) {
    const { x, width, top } = places[index], stage = data.stages[at];
    const shown = column.names ? { name: "words", numbers: [] } : shownIn(index);
    const here = reached(index), active = stage.column === index;
    const scale = largest(shown.numbers ?? []);
    const made = Array.from({ length: count(column) }, (_, row) => {
      const value = shown.numbers?.[row];
      const kind = column.names || !here || value === undefined ? "" : value < 0 ? "negative" : "positive";
      const picked = chosen?.column === index && chosen.row === row;
      const label = column.names ? clipped(column.names[row]) : here ? short(value) : "";
      const name = column.names?.[row]
        ?? `${shown.gradient ? "d" : ""}${entry(column, row)} = ${here ? long(value) : "?"}`;
      const classes = `box ${kind}${picked ? " picked" : ""}${shown.gradient ? " gradient" : ""}${active ? " active" : ""}`;
      const box = drawn("g", { class: classes },
        drawn("title", {}, name),
        drawn("rect", { x, y: top + row * PITCH + 2, width, height: TALL, rx: 4,
          style: `--share:${column.names ? 0 : Math.round((60 * Math.abs(value ?? 0)) / scale)}%` }),
        drawn("text", { x: x + (column.names ? 6 : width / 2), y: top + row * PITCH + 19,
          "text-anchor": column.names ? "start" : "middle" }, label));
      box.addEventListener("click", () => choose(picked ? null : { column: index, row }));
      return box;
    });
    const head = drawn("text", { x: x + width / 2, y: 17, class: `head${active ? " active" : ""}` },
      drawn("title", {}, `${shown.gradient ? "the gradient of " : ""}${column.title}`), shown.name);
    const notes = [];
    if (column.of > count(column)) notes.push(`${count(column)} of ${column.of}`);
    if (shown.gradient) notes.push(`|${shown.name}|`, short(column.length)); // its length
    return [...made, head, ...notes.map((note, i) =>
      drawn("text", { x: x + width / 2, y: height - BOTTOM + 17 + 16 * i, class: "note" }, note))];
  }

  const wordWidth = (names) =>
    Math.min(Math.max(14 + 8.5 * Math.max(...names.map((name) => clipped(name).length), 0), WORD[0]), WORD[1]);

  function clipped(text) {
    const signs = [...text];
    return signs.length > 17 ? `${signs.slice(0, 16).join("")}…` : text;
  }

  function reveal(index) { // scroll the picture, and nothing else
    const { places, width } = layout();
    const scale = Number(picture.getAttribute("width")) / width;
    const middle = (places[index].x + places[index].width / 2) * scale;
    const wanted = middle - scroll.clientWidth / 2;
    const whole = places.map(({ x }) => (x - SIDE) * scale).find((left) => left >= wanted); // no column is cut on the left
    scroll.scrollLeft = index && wanted > 0 ? whole : 0;
  }

  // --- the formulas of a stage

  const TOKEN = /[A-Za-z][A-Za-z0-9]*'?|\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?/g, SLOT = "\ue000"; // as in mathml.py
  const isNumber = (token) => /^\d/.test(token);

  function lineOf(line) {
    if (typeof line === "string") return element("p", {}, line);
    if (line.rows) return table(line.caption, line.columns, line.rows);
    return element("div", { class: "formula" }, ...line.map(([formula, source]) => (source
      ? element("div", {}, element("b", {}, typeset(formula)), " ", element("span", { class: "source" }, source))
      : element("div", {}, typeset(formula)))));
  }

  function typeset(formula) { // the MathML of its pieces, with its numbers; what is no formula stays text
    const pieces = formula.split("\n");
    const found = pieces.map((piece) => data.formulas[piece.replace(TOKEN, (token) => (isNumber(token) ? SLOT : token))]);
    if (found.includes(undefined)) return pieces.join(" ");
    const made = element("span", { class: "math", role: "math", "aria-label": pieces.join(" ") });
    made.innerHTML = pieces.map((piece, i) => { // written, and escaped, by mathml.py
      const numbers = piece.match(TOKEN)?.filter(isNumber) ?? [];
      return `<math displaystyle="true">${found[i].replaceAll(SLOT, () => numbers.shift())}</math>`;
    }).join("\u200b");
    return made;
  }

  // --- the text above, and the lines from its words to their rows

  function writeReview() {
    review.hidden = !data.pieces;
    review.replaceChildren(...(data.pieces ?? []).map(([text, rows]) => {
      if (!rows.length) return text;
      const picked = chosen?.column === 0 && rows.includes(chosen.row);
      return element("span", { class: picked ? "picked" : "", "data-rows": rows }, text);
    }));
  }

  function link() {
    const origin = linked.getBoundingClientRect(), frame = scroll.getBoundingClientRect();
    const rows = [...picture.querySelectorAll(".box rect")].slice(0, data.columns[0].names.length);
    if (!rows.length || scroll.scrollLeft > 0) return links.replaceChildren(); // they would cross the boxes
    const free = (rows[0].getBoundingClientRect().left - frame.left) / (GUTTER + SIDE); // of the space left of the boxes
    const done = new Set(), isLong = review.clientHeight > 60; // of more than a line: only those of the chosen row
    links.replaceChildren(...[...review.querySelectorAll("[data-rows]")].flatMap((word) =>
      word.dataset.rows.split(",").map(Number).flatMap((row) => {
        const picked = chosen?.column === 0 && chosen.row === row;
        if (done.has(row) && !picked) return []; // one line for a row, and all those of the chosen one
        if ((chosen || isLong) && !picked) return [];
        done.add(row);
        const [from, to] = [word.getBoundingClientRect(), rows[row].getBoundingClientRect()];
        const gutter = frame.left - origin.left + free * (5 + (22 * row) / Math.max(rows.length, 1));
        const x = from.left - origin.left + from.width / 2, y = from.bottom - origin.top;
        const end = to.left - origin.left, level = to.top - origin.top + to.height / 2;
        const turn = Math.min(y + 26, level - 6);
        const d = `M${x} ${y}C${x} ${y + 16} ${gutter} ${y + 4} ${gutter} ${turn}V${level - 5}Q${gutter} ${level} ${gutter + 5 * free} ${level}H${end}`;
        return [drawn("path", { d, class: picked ? "picked" : "" })];
      })));
  }

  // --- the numbers of one unit

  function details({ column, row }) {
    const own = data.columns[column];
    if (own.names) return ofWord(row, own.names[row]);
    const name = entry(own, row), after = data.stages[at].kind === "after";
    const facts = [`${name} = ${long(valuesOf(own)[row])}`];
    if (after) facts.push(`before the update ${long(own.values[row])}`);
    else if (own.gradients) facts.push(`d${name} = ${long(own.gradients[row])}`);
    if (own.bias && after) facts.push(`bias ${long(own.new_bias[row])}, before the update ${long(own.bias[row])}`);
    else if (own.bias) {
      facts.push(`bias ${long(own.bias[row])}, its gradient ${long(own.gradients[row])}, `
        + `after the update ${long(own.new_bias[row])}`);
    }
    const parts = [element("p", {}, element("b", {}, own.title), ` ${facts.join("; ")}`)];
    const edge = data.edges.find((each) => each.to === column && each.weights);
    return edge ? [...parts, incoming(edge, row, own)] : parts;
  }
  function incoming(edge, row, own) {
    const source = data.columns[edge.from];
    const after = data.stages[at].kind === "after";
    const gradients = gradientsOf(edge);
    let sum = own.bias ? (after ? own.new_bias : own.bias)[row] : 0;
    const rows = (after ? edge.new : edge.weights).map((weights, i) => {
      const value = edge.shares ? edge.shares[i] : valuesOf(source)[i];
      sum += weights[row] * value;
      const more = after ? [] : [gradients[i][row], edge.new[i][row]];
      return [source.names ? source.names[i] : entry(source, i), value, weights[row], weights[row] * value, ...more];
    });
    if (source.of > rows.length) {
      rows.push([`${source.of - rows.length} more`, "", "", valuesOf(own)[row] - sum, ...(after ? [] : ["", ""])]);
    }
    return table(`What leads to ${entry(own, row)}`, ["from", edge.shares ? "count / length" : "value",
      after ? "new weight" : "weight", "product", ...(after ? [] : ["gradient", "new weight"])], rows);
  }
  function ofWord(row, name) {
    const edge = data.edges.find((each) => each.from === 0), target = data.columns[edge.to];
    const gradients = gradientsOf(edge)[row], rows = edge.weights[row].map((weight, j) =>
      [target.entries?.[j] ?? `${target.symbol}[${target.units[j]}]`, weight, gradients[j], edge.new[row][j]]);
    return [element("p", {}, element("b", {}, name), ": its row of the embedding"),
      table(`The row of ${name}`, ["to", "weight", "gradient", "new weight"], rows)];
  }
  function table(caption, names, rows) {
    const line = (kind, cells) => element("tr", {}, ...cells.map((cell) =>
      element(kind, kind === "th" ? { scope: "col" } : {}, typeof cell === "number" ? long(cell)
        : cell || kind === "td" ? cell : element("span", { class: "unseen" }, "name"))));
    return element("div", { class: "scroll", tabindex: 0 }, element("table", {}, element("caption", { class: "unseen" }, caption),
      line("th", names), ...rows.map((cells) => line("td", cells))));
  }

  return {
    show(drawing, stage = 0) {
      data = drawing;
      if (chosen && !(chosen.row < count(data.columns[chosen.column] ?? { units: [] }))) chosen = null;
      go(stage < 0 ? data.stages.length + stage : stage, false);
    },
    go: (stage) => go(stage, false),
    play(isPlaying, backwards) { // while it plays, lines move, and stages are not read aloud
      host.classList.toggle("playing", isPlaying);
      host.classList.toggle("backwards", isPlaying && backwards);
      title.setAttribute("aria-live", isPlaying ? "off" : "polite");
    },
    get stage() { return data ? at : null; },
  };
}
