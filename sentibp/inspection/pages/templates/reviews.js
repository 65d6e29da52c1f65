// The table of all reviews, from the data of review_table.py: search, sort, slices, and where several models differ.
"use strict";

function reviewTable(host, table) {
  const { element } = page, PAGE = 50, { texts, words, label, labels, runs, names, lengths } = table, all = [...texts.keys()];
  const lower = texts.map((text) => text.toLowerCase()), complete = texts.length === table.total;
  for (const run of runs) { // of a right answer, the predicted label is the right one
    Object.assign(run, { predicted: [...label], probability: [...run.right] });
    for (const [i, predicted, probability] of run.wrong) [run.predicted[i], run.probability[i]] = [predicted, probability];
  }
  const wrong = runs.map((run) => run.predicted.map((predicted, i) => predicted !== label[i]));
  const loss = runs.map((run) => run.right.map((right) => -Math.log(Math.max(right, 1e-12))));
  const weight = (i) => table.weights?.[i] ?? 1;
  let sorted = { key: "loss0", down: true }, many = PAGE, chosen = all;

  const options = (name, list) => {
    const select = element("select", {}, ...list.map(([value, text]) => element("option", { value }, text)));
    select.addEventListener("change", update);
    bar.append(element("label", {}, `${name} `, select));
    return select;
  };
  const bar = element("p", { class: "controls" });
  const search = element("input", { type: "search", dir: "auto", autocomplete: "off", spellcheck: "false" });
  bar.append(element("label", {}, "with the words ", search));
  search.addEventListener("input", update);
  const of = (k) => (runs.length > 1 ? ` of ${names[k]}` : "");
  const kind = options("show", [["all", "all"], ...runs.flatMap((_, k) => [[`wrong ${k}`, `mistakes${of(k)}`], [`right ${k}`, `right answers${of(k)}`]]),
    ...(runs.length > 1 ? [["differ", "where the models differ"]] : [])]);
  const given = options("label", [["", "any"], ...labels.map((name, k) => [k, name])]);
  const bounds = [...lengths.map((high, k) => [k ? lengths[k - 1] + 1 : 0, high]), [(lengths.at(-1) ?? -1) + 1, Infinity]];
  const whole = (number) => number.toLocaleString("en");
  const long = (number) => page.counted(number, "word");
  const span = ([low, high]) => (high === Infinity ? `from ${long(low)}` : low === high ? long(low)
    : low ? `${whole(low)} to ${long(high)}` : `up to ${long(high)}`);
  const size = options("length", [["", "any"], ...bounds.map((each, k) => [k, span(each)])]);
  const summary = element("output", {});
  // the roles are those that the elements have anyway, until a phone shows them as blocks
  const body = element("tbody", { role: "rowgroup" }), heads = element("tr", { role: "row" }), more = element("button", { type: "button" }, "");
  const printed = element("p", { class: "on-paper" });
  const isLong = labels.some((name) => name.length > 16); // and may be on several lines
  const shown = element("table", { role: "table", ...(isLong ? { class: "long" } : {}) }, element("caption", { class: "unseen" }, "Reviews"),
    element("thead", { role: "rowgroup" }, heads), body);
  host.replaceChildren(bar, summary, printed, element("div", { class: "scroll", tabindex: 0 }, shown), more);
  more.addEventListener("click", () => {
    const first = many;
    many += PAGE;
    fill();
    if (more.hidden) body.rows[first].querySelector("td").focus();
  });

  const columns = [["label", "label", (i) => label[i], false],
    ...runs.flatMap((run, k) => [ // of several models the prediction and its probability share a column: there is little room
      ...(runs.length > 1 ? [] : [[`predicted${k}`, "predicted", (i) => run.predicted[i], false]]),
      [`probability${k}`, runs.length > 1 ? `prediction${of(k)}` : "probability", (i) => run.probability[i], true],
      [`loss${k}`, `loss${of(k)}`, (i) => loss[k][i], true]]),
    ["words", "words", (i) => words[i], true]];
  for (const [key, name, , down] of columns) {
    const button = element("button", { type: "button" }, name), head = element("th", { scope: "col", role: "columnheader", "data-key": key }, button);
    button.addEventListener("click", () => {
      sorted = { key, down: sorted.key === key ? !sorted.down : down };
      update();
    });
    heads.append(head);
  }
  heads.append(element("th", { scope: "col", role: "columnheader" }, "text"));

  function matches() {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean), [low, high] = size.value === "" ? [0, Infinity] : bounds[size.value];
    const [show, k] = kind.value.split(" ");
    const allowed = { all: () => true, wrong: (i) => wrong[k][i], right: (i) => !wrong[k][i],
      differ: (i) => runs.some((run) => run.predicted[i] !== runs[0].predicted[i]) }[show];
    return all.filter((i) => allowed(i) && (given.value === "" || label[i] === Number(given.value)) && words[i] >= low
      && words[i] <= high && wanted.every((word) => lower[i].includes(word)));
  }
  function interval(share, n) { // Wilson's, as in metrics/binary.py; n is the effective number
    const z = 1.959964, middle = (share + z * z / (2 * n)) / (1 + z * z / n);
    const half = (z / (1 + z * z / n)) * Math.sqrt((share * (1 - share)) / n + z * z / (4 * n * n));
    return [Math.max(middle - half, 0), Math.min(middle + half, 1)];
  }
  function update() {
    const [, , value] = columns.find(([key]) => key === sorted.key), sign = sorted.down ? -1 : 1;
    chosen = matches().sort((i, j) => sign * (value(i) - value(j)) || i - j);
    many = PAGE;
    for (const head of heads.cells) {
      if (head.dataset.key === sorted.key) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const n = chosen.length, percent = (share) => `${(100 * share).toFixed(1)} %`;
    const total = (value) => chosen.reduce((sum, i) => sum + weight(i) * value(i), 0), all_weight = total(() => 1);
    const scores = runs.map((_, k) => { // weighted, as in the table of scores
      const share = total((i) => (wrong[k][i] ? 0 : 1)) / all_weight, mean = total((i) => loss[k][i]) / all_weight;
      const [low, high] = interval(share, all_weight ** 2 / total(weight));
      return `${runs.length > 1 ? `${names[k]}: ` : ""}${table.weights ? "weighted " : ""}accuracy ${percent(share)} (95 % interval ${percent(low)} to ${percent(high)}), log loss ${mean.toFixed(3)}`;
    });
    const free = kind.value === "all" && complete && n; // of a slice by predictions an accuracy would say nothing
    summary.textContent = `${whole(n)} of ${page.counted(texts.length, "review")}${free ? `: ${scores.join("; ")}` : ""}`;
    fill();
  }
  function fill() {
    body.replaceChildren(...chosen.slice(0, many).map((i) => element("tr", { role: "row" }, ...columns.map(([key, name, value], c) => {
      const k = Number(/\d+$/.exec(key)?.[0] ?? 0), says = key.startsWith("predicted") || (key.startsWith("probability") && runs.length > 1);
      const named = key === "label" ? labels[label[i]] : says ? labels[runs[k].predicted[i]] : "", isWrong = says && wrong[k][i];
      const number = key === "words" ? whole(value(i)) : key.startsWith("loss") ? value(i).toFixed(3)
        : key.startsWith("probability") ? page.probability(value(i)) : "";
      return element("td", { role: "cell", "data-name": name, ...(c ? {} : { tabindex: -1 }), ...(isWrong ? { class: "wrong" } : {}) },
        isWrong ? "✗ " : "", ...page.breakable(named), named && number ? " " : "", number);
    }), element("td", { role: "cell" }, texts[i]))));
    const left = chosen.length - many;
    more.hidden = printed.hidden = left <= 0;
    printed.textContent = `On paper are the first ${many}; a button in the page shows more.`;
    more.textContent = left > PAGE ? `Show ${PAGE} more` : left === 1 ? "Show the last one" : `Show the last ${left}`;
  }
  update();
}
