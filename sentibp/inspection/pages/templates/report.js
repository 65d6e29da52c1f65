// Draws the charts of a report in the colours of the page, and sets up its stepper.
"use strict";

(() => {
  const numbers = JSON.parse(document.getElementById("numbers").textContent);

  // --- charts: a string that begins with "--" is the name of a colour of the style

  function coloured(value, style) {
    if (typeof value === "string" && value.startsWith("--")) return style.getPropertyValue(value).trim() || value;
    if (Array.isArray(value)) return value.map((each) => coloured(each, style));
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, each]) =>
        [key, key === "text" || key === "customdata" || key === "name" ? each : coloured(each, style)]));
    return value;
  }

  function draw(chart) {
    const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--ink").trim();
    const { data, layout } = coloured({ data: chart.data, layout: chart.layout }, style);
    const line = style.getPropertyValue("--line").trim();
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, fixedrange: true };
    const place = document.getElementById(chart.id);
    return Plotly.react(place, data, {
      margin: { l: 50, r: 12, t: 12, b: 42 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 12 }, hovermode: "closest", dragmode: false,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      hoverlabel: { bgcolor: style.getPropertyValue("--box").trim(), font: { color: ink } },
      ...layout, xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
    }, { responsive: true, displayModeBar: false });
  }

  async function drawAll() {
    for (const chart of numbers.charts) await draw(chart);
    document.body.dataset.drawn = String(numbers.charts.length);
  }
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  // --- the numbers of a chart as a table, which is made when it is first opened

  function line(kind, cells) {
    const made = document.createElement("tr");
    for (const cell of cells) {
      const place = document.createElement(kind);
      if (kind === "th") place.scope = "col";
      place.textContent = typeof cell === "number" ? String(Number(cell.toPrecision(6))) : cell ?? "";
      made.append(place);
    }
    return made;
  }
  function numbersOf({ title, data, layout }) {
    const table = document.createElement("table"), series = data.filter((each) => each.hoverinfo !== "skip");
    table.createCaption().textContent = title;
    const names = ["line", layout.xaxis?.title?.text || "x", layout.yaxis?.title?.text || "y"];
    const hasNotes = series.some((each) => each.customdata || each.text);
    table.append(line("th", hasNotes ? [...names, "note"] : names));
    for (const each of series)
      table.append(...Array.from(each.x, (x, i) => line("td", [each.name ?? title, x, each.y[i],
        ...(hasNotes ? [each.customdata ? each.customdata[i].join(" ") : each.text?.[i]] : [])])));
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0;
    scroll.append(table);
    return scroll;
  }
  for (const details of document.querySelectorAll("details.numbers"))
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1)
        details.append(numbersOf(numbers.charts.find((each) => each.id === details.dataset.chart)));
    });

  // --- find a word on the map

  for (const field of document.querySelectorAll("input[data-chart]")) {
    const chart = numbers.charts.find((each) => each.id === field.dataset.chart), [points] = chart.data;
    const names = points.customdata.map(([name]) => name), labels = points.text;
    const output = field.closest("p").querySelector("output");
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      const at = wanted ? names.indexOf(wanted) : -1;
      points.text = at < 0 ? labels : names.map((name, i) => (i === at ? name : ""));
      points.marker.opacity = at < 0 ? 1 : names.map((_, i) => (i === at ? 1 : 0.25));
      output.textContent = at >= 0 ? `weight ${points.customdata[at][1]}` : wanted ? "not on the map" : "";
      draw(chart);
    });
  }

  // --- the stepper

  const host = document.getElementById("stepper");
  if (!host) return;
  const run = document.getElementById("step-run"), review = document.getElementById("step-review");
  const steps = stepper(host);
  function fill() {
    review.replaceChildren(...numbers.steps[run.value].map(({ title }, i) => new Option(title, i)));
    show();
  }
  function show() {
    steps.show(numbers.steps[run.value][review.value].drawing);
  }
  run.addEventListener("change", fill);
  review.addEventListener("change", show);
  fill();
})();
