// Draws one training step on one review, from the data of stepper.py, and shows its stages: stepper(host).show(drawing).
"use strict";

function stepper(host) {
  const BOX = 60, WORD = 128, TALL = 19, PITCH = 24, WIDE = 92, NARROW = 22, SPREAD = 46, TOP = 26, BOTTOM = 36, SIDE = 6;
  const MEANING = {
    weight: "Lines are weights: wider lines are larger, green is positive, red and dashed is negative.",
    gradient: "Lines that the backward pass has reached are the gradients of the weights: wider lines change the loss "
      + "more. Where a line is red and dashed, a larger weight decreases the loss. Boxes named d… are gradients, too.",
    change: "Lines are changes by the update: green where a weight increased, red and dashed where it decreased.",
    new: "Lines are the weights after the update, and every number is from the forward pass with them.",
  };
  let data = null, at = 0, chosen = null;

  const element = (name, attributes = {}, ...content) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  };
  const drawn = (name, attributes = {}, ...content) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  };

  const back = element("button", { type: "button" }, "Back");
  const next = element("button", { type: "button" }, "Next");
  const slider = element("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "stage of the step" });
  const title = element("p", { class: "stage-title", "aria-live": "polite" });
  const picture = drawn("svg", { class: "network", tabindex: 0, role: "application" });
  const scroll = element("div", { class: "scroll" }, picture);
  const meaning = element("p", { class: "faint" });
  const names = element("p", { class: "faint names" });
  const unit = element("div", { class: "unit", "aria-live": "polite" });
  const words = element("div", { class: "words" });
  host.classList.add("stepper");
  host.replaceChildren(element("div", { class: "controls" }, back, slider, next), title, scroll, meaning, names, unit, words);

  const go = (to) => {
    at = Math.min(Math.max(to, 0), data.stages.length - 1);
    draw(true);
  };
  back.addEventListener("click", () => go(at - 1));
  next.addEventListener("click", () => go(at + 1));
  slider.addEventListener("input", () => go(Number(slider.value)));
  picture.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "n") go(at + 1);
    else if (event.key === "b") go(at - 1);
    else if (event.key === "Escape") chosen = null, draw(false);
    else if (moves[event.key]) move(...moves[event.key]);
    else return;
    event.preventDefault();
  });

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
    if (value === undefined) return "";
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size < 0.001 || size >= 10000) return value.toExponential(1);
    return value.toFixed(size < 10 ? 4 : size < 1000 ? 2 : 0);
  }
  function long(value) {
    const size = Math.abs(value);
    if (size === 0) return "0";
    return size < 0.001 || size >= 1e6 ? value.toExponential(2).replace(/([+-])(\d)$/, "$10$2") : value.toFixed(4);
  }

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
  function linesOf(edge) { // of each source the number of each target
    const how = mode();
    if (how === "new") return edge.new;
    if (how === "change") return edge.new.map((row, i) => row.map((value, j) => value - edge.weights[i][j]));
    const done = data.stages.slice(0, at + 1).some((stage) => stage.kind === "gradient" && stage.column === edge.to);
    return how === "gradient" && done ? edge.gradient : edge.weights;
  }

  // --- drawing

  function layout() {
    const most = Math.max(...data.columns.map(count), 1);
    const height = TOP + most * PITCH + BOTTOM;
    let x = SIDE;
    const places = data.columns.map((column, index) => {
      const edge = data.edges.find((each) => each.to === index && !each.skip);
      if (edge) x += edge.weights ? WIDE : edge.all ? SPREAD : NARROW;
      const width = column.names ? WORD : BOX;
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
    meaning.textContent = MEANING[mode()];
    names.replaceChildren("From left to right: ", ...data.columns.flatMap((column, i) =>
      [i ? ", " : "", ...(column.names ? ["words"] : [element("b", {}, column.symbol), ` ${column.title}`])]), ".");
    words.innerHTML = stage.html; // rendered, and escaped, by stepper.py
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const room = scroll.clientWidth / width; // a stage about the whole network is shown whole, if it can be
    const scale = stage.column === null && room > 0.3 ? Math.min(room, 1) : 1;
    picture.setAttribute("width", Math.floor(width * scale));
    picture.setAttribute("height", Math.floor(height * scale));
    picture.setAttribute("aria-label", `The network at this stage: ${stage.title}. Arrow keys select a unit, `
      + "whose numbers follow the drawing; n shows the next stage, b the one before.");
    const middle = (column, row) => places[column].top + row * PITCH + PITCH / 2;
    const lines = data.edges.flatMap((edge) => {
      const from = places[edge.from].x + places[edge.from].width, to = places[edge.to].x;
      const active = stage.column === null || stage.column === edge.to || stage.kind === "after";
      const line = (i, j, attributes) => drawn("line", {
        x1: from, y1: middle(edge.from, i), x2: to, y2: middle(edge.to, j), ...attributes,
      });
      const faint = active ? "" : " faint-line";
      if (edge.skip) return skips(edge, places, middle, faint);
      if (!edge.weights)
        return Array.from({ length: count(data.columns[edge.to]) }, (_, j) =>
          (edge.all ? data.columns[edge.from].units.map((_, i) => i) : [j])
            .map((i) => line(i, j, { class: `plain${faint}` }))).flat();
      const numbers = linesOf(edge), scale = largest(numbers);
      const picked = (i, j) => chosen && ((chosen.column === edge.to && chosen.row === j)
        || (chosen.column === edge.from && chosen.row === i));
      return numbers.flatMap((row, i) => row.map((value, j) => line(i, j, {
        class: `${value < 0 ? "negative" : "positive"}${picked(i, j) ? " picked" : faint}`,
        "stroke-width": (0.25 + (4.75 * Math.abs(value)) / scale).toFixed(2),
      })).filter((_, j) => Math.abs(row[j]) > scale / 200));
    });
    picture.replaceChildren(...lines, ...data.columns.flatMap((column, index) => boxes(column, index, places, height)));
    unit.replaceChildren(...(chosen ? details(chosen) : []));
    if (follow && stage.column !== null) reveal(stage.column);
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
      const name = column.names ? column.names[row] : `${column.entries ? `${shown.gradient ? "d" : ""}${column.entries[row]}` : `${shown.name}[${column.units[row]}]`} = ${here ? long(value) : "?"}`;
      const box = drawn("g", { class: `box ${kind}${picked ? " picked" : ""}${shown.gradient ? " gradient" : ""}` },
        drawn("title", {}, name),
        drawn("rect", { x, y: top + row * PITCH + 2, width, height: TALL, rx: 4,
          style: `--share:${column.names ? 0 : Math.round((60 * Math.abs(value ?? 0)) / scale)}%` }),
        drawn("text", { x: x + (column.names ? 6 : width / 2), y: top + row * PITCH + 16,
          "text-anchor": column.names ? "start" : "middle" }, label));
      box.addEventListener("click", () => {
        chosen = picked ? null : { column: index, row };
        draw(false);
      });
      return box;
    });
    const head = drawn("text", { x: x + width / 2, y: 16, class: `head${active ? " active" : ""}` },
      drawn("title", {}, `${shown.gradient ? "the gradient of " : ""}${column.title}`), shown.name);
    const notes = [];
    if (column.of > count(column)) notes.push(`${count(column)} of ${column.of}${column.names ? " different" : ""}`);
    if (shown.gradient) notes.push(`|${shown.name}| ${short(column.length)}`);
    return [...made, head, ...notes.map((note, i) =>
      drawn("text", { x: x + width / 2, y: height - BOTTOM + 14 + 14 * i, class: "note" }, note))];
  }

  const clipped = (text) => (text.length > 18 ? `${text.slice(0, 17)}…` : text);

  function reveal(index) { // scroll the picture, and nothing else
    const { places } = layout();
    const middle = places[index].x + places[index].width / 2;
    scroll.scrollLeft = middle - scroll.clientWidth / 2;
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
      facts.push(`bias ${long(own.bias[row])}, its gradient ${long(own.bias_gradient[row])}, `
        + `after the update ${long(own.new_bias[row])}`);
    }
    const parts = [element("p", {}, element("b", {}, own.title), ` ${facts.join("; ")}`)];
    const edge = data.edges.find((each) => each.to === column && each.weights);
    return edge ? [...parts, incoming(edge, row, own)] : parts;
  }
  function incoming(edge, row, own) {
    const source = data.columns[edge.from];
    const after = data.stages[at].kind === "after";
    let sum = own.bias ? (after ? own.new_bias : own.bias)[row] : 0;
    const rows = (after ? edge.new : edge.weights).map((weights, i) => {
      const value = edge.shares ? edge.shares[i] : valuesOf(source)[i];
      sum += weights[row] * value;
      const name = source.names ? source.names[i] : `${source.symbol}[${source.units[i]}]`;
      const more = after ? [] : [edge.gradient[i][row], edge.new[i][row]];
      return [name, value, weights[row], weights[row] * value, ...more];
    });
    if (source.of > rows.length) {
      rows.push([`${source.of - rows.length} more`, "", "", valuesOf(own)[row] - sum, ...(after ? [] : ["", ""])]);
    }
    return table(["from", edge.shares ? "count / length" : "value", after ? "new weight" : "weight", "product",
      ...(after ? [] : ["gradient", "new weight"])], rows);
  }
  function ofWord(row, name) {
    const edge = data.edges.find((each) => each.from === 0), target = data.columns[edge.to];
    const rows = edge.weights[row].map((weight, j) =>
      [target.entries?.[j] ?? `${target.symbol}[${target.units[j]}]`, weight, edge.gradient[row][j], edge.new[row][j]]);
    return [element("p", {}, element("b", {}, name), ": its row of the embedding"),
      table(["to", "weight", "gradient", "new weight"], rows)];
  }
  function table(names, rows) {
    const line = (kind, cells) => element("tr", {}, ...cells.map((cell) =>
      element(kind, kind === "th" ? { scope: "col" } : {}, typeof cell === "number" ? long(cell) : cell)));
    return element("div", { class: "scroll" }, element("table", {},
      line("th", names), ...rows.map((cells) => line("td", cells))));
  }

  return {
    show(drawing, stage = 0) {
      data = drawing;
      if (chosen && !(chosen.row < count(data.columns[chosen.column] ?? { units: [] }))) chosen = null;
      at = Math.min(stage < 0 ? data.stages.length + stage : stage, data.stages.length - 1);
      draw(true);
    },
    get stage() { return data ? at : null; },
  };
}
