// The page: the answer, the contribution of each word, and the forward pass, for the text that is typed.
{
  const at = (id) => document.getElementById(id);
  const LONG = 50000, ROWS = 12, UNITS = 12, BOX = 80, WORD = 166, CHARACTER = 8.5, TALL = 24, PITCH = 29, TOP = 28, BOTTOM = 22;
  const { element, drawn, signed, probability } = page;
  const caption = (text) => element("caption", { class: "unseen" }, text);
  const short = (value) => { // at most 8 characters
    const size = Math.abs(value);
    return size === 0 ? "0" : size < 0.001 || size >= 10000 ? page.power(value, 1) : value.toFixed(size < 10 ? 4 : 2);
  };
  const largest = (numbers) => numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
  const { nothing, full } = at("result").dataset; // of explain.py: what moves no probability by 0.1 points is not drawn
  const drawnSizes = (parts) => {
    const sizes = parts.map(({ contribution }) => (Math.abs(contribution) < Number(nothing) ? 0 : Math.abs(contribution)));
    const scale = Math.max(largest(sizes), Number(full));
    return sizes.map((size) => size / scale);
  };
  const byAmount = (numbers) => numbers.map((value, i) => [Math.abs(value), i]).sort((a, b) => b[0] - a[0] || a[1] - b[1])
    .map(([, i]) => i);
  let waiting = 0, chosen = null, columns = [], edges = [], gap = 84;

  function look() {
    const text = at("text").value;
    page.direct(at("text"));
    const isLong = text.length > LONG;
    const answer = isLong ? predict(text) : explain(text);
    showAnswer(answer);
    for (const id of ["words-title", "marked", "legend", "parts", "drawing"]) at(id).hidden = isLong;
    if (isLong) at("more").textContent += `; texts of more than ${LONG.toLocaleString("en")} characters are not explained`;
    else {
      showWords(text, answer);
      showContributions(answer);
      draw(text, answer);
    }
  }

  function showAnswer(answer) {
    const unknown = answer.note ?? (answer.unknown ? `${answer.unknown} of ${answer.tokens} words unknown` : "");
    at("prediction").textContent = `${page.said(answer.label)} ${probability(answer.score)}`;
    const more = [answer.place === undefined ? "" : `place ${answer.place.toFixed(4)} on the scale from 0 to 1`,
      answer.expected === undefined ? "" : `expected ${answer.expected.toFixed(2)}`, unknown];
    at("more").textContent = more.filter(Boolean).join(", ");
    if (answer.probabilities) showDistribution(answer);
    else at("needle").style.width = `${100 * answer.positive}%`;
  }

  function showDistribution(answer) {
    const { labels } = about();
    page.distribution(at("distribution"), labels, labels.map((label) => answer.probabilities[label]), answer.label);
    at("scale").hidden = at("ends").hidden = answer.place === undefined;
    at("scale").firstElementChild.style.left = `${100 * (answer.place ?? 0)}%`;
  }

  const isContrast = (answer) => answer.sums.length === about().labels.length; // a sum for each label against the rest
  const isOfMiddle = (answer, each) => !isContrast(answer) && each === answer.sums[1];
  const shownSum = (answer) => answer.sums[isContrast(answer) ? about().labels.indexOf(answer.label) : 0];
  const sideOf = (answer, each, value) =>
    (isOfMiddle(answer, each) ? (value > 0 ? "neutral" : "opinion") : value > 0 ? "positive" : "negative");
  const titleOf = (answer, each) => {
    const { labels } = about(), { name } = each;
    if (isContrast(answer)) return `${name} against the rest: green is evidence for it`;
    return isOfMiddle(answer, each) ? "neutrality: blue is evidence for the middle, yellow for the ends"
      : `${name}: green is evidence for ${labels.at(-1)}, red for ${labels[0]}`;
  };

  function showWords(text, answer) {
    const each = shownSum(answer), sizes = drawnSizes(each.words), pieces = [];
    let done = 0;
    for (const [i, { start, end, contribution, known }] of each.words.entries()) {
      const from = Math.max(start, done);
      pieces.push(text.slice(done, from));
      done = Math.max(done, end);
      pieces.push(element("mark", {
        class: known ? (sizes[i] ? sideOf(answer, each, contribution) : "") : "unknown",
        title: known ? signed(contribution) : "unknown", style: `--share:${Math.round(45 * sizes[i])}%`,
      }, text.slice(from, done)));
    }
    at("marked").replaceChildren(...pieces, text.slice(done));
    const [plus, minus] = isContrast(answer) ? [each.name, "the rest"] : about().labels.slice().reverse().filter((_, i, all) => i === 0 || i === all.length - 1);
    at("legend").textContent = each.words.length
      ? `Green and underlined speaks for ${plus}, red and dashed for ${minus}; dotted words are unknown.` : "";
  }

  function showContributions(answer) {
    const sums = isContrast(answer) ? [shownSum(answer)] : answer.sums;
    at("contributions").replaceChildren(...sums.flatMap((each) =>
      [element("h3", {}, titleOf(answer, each)), element("div", { class: "scroll" }, tableOf(answer, each))]));
  }

  function tableOf(answer, each) {
    const found = new Map(); // each word or n-gram once
    for (const { text, contribution } of each.contributions) {
      const [n, total] = found.get(text) ?? [0, 0];
      found.set(text, [n + 1, total + contribution]);
    }
    const all = [...found].map(([text, [n, contribution]]) => ({ text: n > 1 ? `${text} ×${n}` : text, contribution }));
    const order = byAmount(all.map(({ contribution }) => contribution));
    const parts = order.slice(0, ROWS).map((i) => all[i]), rest = order.slice(ROWS);
    const sizes = drawnSizes(parts);
    const row = (name, value, bar = "") => element("tr", {}, element("td", {}, name), element("td", {}, signed(value)),
      element("td", { class: "bar" }, bar));
    const heads = ["word or n-gram", "contribution", "size"].map((head) => element("th", { scope: "col" }, head));
    const rows = parts.map(({ text, contribution }, i) => row(text, contribution,
      element("div", { class: sideOf(answer, each, contribution), style: `--share:${Math.round(100 * sizes[i])}%` })));
    if (rest.length) rows.push(row(page.counted(rest.length, "other"), sum(rest.map((i) => all[i].contribution))));
    rows.push(row("an empty text", each.bias), row("the sum", each.value));
    return element("table", {}, caption(`Contributions to ${each.name}`), element("tr", {}, ...heads), ...rows);
  }

  // --- the forward pass

  function draw(text, answer) {
    const { settings, arrays, rows } = checkedModel(), { ids, found } = checkedModel().encode(valid(text));
    const { network: { dim, layers } } = settings, divisor = checkedModel().divisor(ids.length);
    const first = answer.sums[0].contributions, of = new Map(), names = new Map();
    found.forEach(({ id }, i) => {
      of.set(id, (of.get(id) ?? 0) + first[i].contribution);
      names.set(id, first[i].text);
    });
    const counts = new Map();
    for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    const all = [...of.keys()], drawnIds = byAmount(all.map((id) => of.get(id))).slice(0, UNITS).map((i) => all[i]);
    const column = (name, values, label) => {
      const units = byAmount(values).slice(0, UNITS).sort((a, b) => a - b);
      return { name, units, of: values.length, values: units.map((i) => values[i]), labels: units.map(label ?? ((i) => `${name}[${i + 1}]`)) };
    };
    columns = [{ name: "words", units: drawnIds, of: all.length, values: drawnIds.map((id) => of.get(id)),
      labels: drawnIds.map((id) => (counts.get(id) > 1 ? `${names.get(id)} ×${counts.get(id)}` : names.get(id))) },
    ...answer.layers.map(({ name, values }) => column(name, values))];
    edges = [null, drawnIds.map((id) => columns[1].units.map((j) => (counts.get(id) * rows[id * dim + j]) / divisor))];
    layers.forEach((layer, k) => {
      const weight = arrays[layer.weight], m = arrays[layer.bias].length, before = columns[k + 1];
      edges.push(before.units.map((i, row) => columns[k + 2].units.map((j) => before.values[row] * weight[i * m + j])));
    });
    if (settings.network.head.temperature) edges.push(null); // each output moves the temperature of all
    const probabilities = answer.probabilities ? settings.labels.map((label) => answer.probabilities[label]) : [answer.positive];
    columns.push(column(answer.probabilities ? "p" : settings.labels[1], probabilities, (k) => `p(${answer.probabilities ? settings.labels[k] : settings.labels[1]})`));
    edges.push(null);
    if (chosen && chosen.row >= (columns[chosen.column]?.units.length ?? 0)) chosen = null;
    picture();
  }

  const isLast = (index) => index === columns.length - 1 && columns[index].of > 1; // the probabilities of several labels
  const longest = () => Math.max(...checkedModel().settings.labels.map(({ length }) => length));
  const widthOf = (index) => (index === 0 ? WORD : isLast(index) ? Math.min(CHARACTER * (longest() + 6) + 12, 150) : BOX);
  const leftOf = (index) => 6 + (index ? WORD + (index - 1) * BOX + index * gap : 0);
  function fitGap() { // between columns: as wide as the page allows, within limits
    const last = columns.length - 1;
    const free = at("network").parentElement.clientWidth - 12 - WORD - (last - 1) * BOX - widthOf(last);
    gap = Math.min(Math.max(free / last, 40), 170);
  }

  function picture() {
    fitGap();
    const most = Math.max(1, ...columns.map(({ units }) => units.length));
    const height = TOP + most * PITCH + BOTTOM, last = columns.length - 1, width = leftOf(last) + widthOf(last) + 6;
    const topOf = (index) => TOP + ((most - columns[index].units.length) * PITCH) / 2;
    for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) at("network").setAttribute(key, value);
    at("network").classList.toggle("choosing", chosen !== null);
    at("network").setAttribute("aria-label", `The forward pass: ${columns.map(({ name }) => name).join(", ")}. `
      + "Arrow keys choose a box, whose number is explained below the drawing.");
    at("network").replaceChildren(...columns.slice(1).flatMap((_, k) => linesTo(k + 1, topOf)),
      ...columns.flatMap((_, index) => boxesOf(index, topOf(index), height)));
    at("unit").replaceChildren(...(chosen ? details(chosen) : []));
    page.fade(at("network").parentElement);
  }

  function linesTo(index, topOf) { // from the column before
    const scale = largest((edges[index] ?? [[1]]).flat()), from = index - 1;
    const middle = (column, row) => topOf(column) + row * PITCH + PITCH / 2;
    return columns[from].units.flatMap((_, i) => columns[index].units.map((_, j) => {
      const value = edges[index]?.[i][j] ?? 0, isPlain = !edges[index];
      if (!isPlain && Math.abs(value) < scale / 200) return null;
      const picked = chosen && ((chosen.column === index && chosen.row === j) || (chosen.column === from && chosen.row === i));
      return drawn("line", {
        x1: leftOf(from) + widthOf(from), y1: middle(from, i), x2: leftOf(index), y2: middle(index, j),
        class: `${isPlain ? "plain" : value < 0 ? "negative" : "positive"}${picked ? " picked" : ""}`,
        "stroke-width": isPlain ? 1 : (0.3 + (4.7 * Math.abs(value)) / scale).toFixed(2),
      });
    })).filter(Boolean);
  }

  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  function contentOf(index, row) { // what is written in a box: a word, a number, or a label with its probability
    const { units, of, values, labels } = columns[index];
    if (index === 0) return cut(labels[row], 18);
    if (!isLast(index)) return short(values[row]);
    const room = Math.floor((widthOf(index) - 12) / CHARACTER) - 5; // beside the probability
    return `${cut(checkedModel().settings.labels[units[row]], room)} ${values[row].toFixed(2)}`;
  }

  function boxesOf(index, top, height) { // with the name of the column above, and below how many there are
    const { name, units, of, values, labels } = columns[index], scale = largest(values), x = leftOf(index), width = widthOf(index);
    const made = units.map((_, row) => {
      const value = values[row], picked = chosen?.column === index && chosen.row === row;
      const box = drawn("g", { class: `box ${value < 0 ? "negative" : "positive"}${picked ? " picked" : ""}` },
        drawn("title", {}, `${labels[row]}: ${signed(value)}`),
        drawn("rect", { x, y: top + row * PITCH + 2, width, height: TALL, rx: 4, style: `--share:${Math.round((45 * Math.abs(value)) / scale)}%` }),
        drawn("text", { x: index ? x + width / 2 : x + 6, y: top + row * PITCH + 19, "text-anchor": index ? "middle" : "start" },
          contentOf(index, row)));
      box.addEventListener("click", () => choose(picked ? null : { column: index, row }));
      return box;
    });
    const head = drawn("text", { x: x + width / 2, y: 16, class: "head" }, name);
    const note = of > units.length ? [drawn("text", { x: x + width / 2, y: height - 6, class: "note" }, `${units.length} of ${of}`)] : [];
    return [...made, head, ...note];
  }

  function details({ column, row }) {
    const own = columns[column], before = columns[column - 1], name = own.labels[row];
    const title = element("p", {}, element("b", {}, name), ` = ${signed(own.values[row])}`);
    if (column === 0) title.append(", its contribution to the output");
    if (!edges[column]) return [title];
    const { settings: { network: { layers } }, arrays } = checkedModel(), layer = column > 1 ? layers[column - 2] : null;
    const bias = layer ? arrays[layer.bias][own.units[row]] : 0, parts = edges[column].map((values) => values[row]);
    const rows = byAmount(parts).map((i) => [before.labels[i], parts[i]]);
    if (before.of > parts.length) {
      rows.push([page.counted(before.of - parts.length, "other"), linearOf(column, own.units[row]) - bias - sum(parts)]);
    }
    if (layer) rows.push(["bias", bias]);
    const what = layer?.activation ? `the sum, before ${layer.activation}${layer.residual ? " and the skip connection" : ""}` : "the sum";
    rows.push([what, linearOf(column, own.units[row])]);
    return [title, element("div", { class: "scroll", tabindex: 0 }, element("table", {}, caption(`How ${name} comes about`), ...rows.map(([from, value]) =>
      element("tr", {}, element("td", {}, from), element("td", {}, signed(value))))))];
  }

  function linearOf(column, unit) { // the value of a unit before its activation
    const found = checkedModel(), x = found.pooled(found.encode(valid(at("text").value)).ids);
    return column === 1 ? x[unit] : found.forward(x).steps[column - 2].z[unit];
  }

  function choose(next) {
    chosen = next;
    picture();
    if (!chosen) return;
    const place = at("network").parentElement;
    place.scrollLeft = leftOf(chosen.column) + widthOf(chosen.column) / 2 - place.clientWidth / 2;
  }

  at("network").addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Escape") choose(null);
    else if (moves[event.key]) {
      const limit = (value, count) => Math.min(Math.max(value, 0), count - 1);
      const start = columns.findIndex(({ units }) => units.length);
      const column = chosen ? limit(chosen.column + moves[event.key][0], columns.length) : start;
      const row = chosen ? limit(chosen.row + moves[event.key][1], columns[column].units.length) : 0;
      if (row >= 0) choose({ column, row });
    } else return;
    event.preventDefault();
  });

  function refuse(error) {
    at("status").hidden = at("result").hidden = true;
    at("error").hidden = false;
    at("error").textContent = `The page does not answer: ${error.message}`;
  }
  function safely(step) {
    try {
      step();
    } catch (error) {
      refuse(error);
    }
  }

  at("network").parentElement.addEventListener("scroll", ({ target }) => page.fade(target));
  addEventListener("resize", () => columns.length && picture());
  at("text").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => safely(look), 100);
  });
  setTimeout(() => safely(() => { // after the page is painted: a large model takes a moment
    checkedModel();
    at("status").hidden = true;
    at("result").hidden = false;
    look();
    document.body.dataset.ready = "yes";
  }), 30);
}
