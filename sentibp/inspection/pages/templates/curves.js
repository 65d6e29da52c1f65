// Draws curves over the steps as SVG, with their numbers in a table: curve(host).show({ title, series, unit }).
"use strict";

function curve(host) {
  const WIDTH = 460, HEIGHT = 210, LEFT = 62, RIGHT = 12, TOP = 12, BOTTOM = 36;
  const drawn = (name, attributes, ...content) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  };
  const picture = host.querySelector("svg"), table = host.querySelector("table");
  picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  picture.setAttribute("role", "img");

  const nice = (span) => { // the distance of about four ticks: 1, 2 or 5 times a power of ten
    const raw = span / 4, power = 10 ** Math.floor(Math.log10(raw));
    return power * [1, 2, 5, 10].find((each) => each * power >= raw);
  };

  function show({ title, series, x = "step" }) {
    const points = series.flatMap((each) => each.points).filter(([, y]) => y !== null);
    host.hidden = !points.length;
    if (!points.length) return;
    const last = Math.max(...points.map(([step]) => step), 1);
    const ys = points.map(([, y]) => y);
    let low = Math.min(...ys, 0), high = Math.max(...ys);
    if (high - low < 1e-9) high = low + 1;
    const tick = nice(high - low);
    high = Math.ceil(high / tick) * tick;
    const across = (step) => LEFT + ((WIDTH - LEFT - RIGHT) * step) / last;
    const up = (y) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (y - low)) / (high - low);
    const made = [];
    for (let y = low; y <= high + tick / 2; y += tick) {
      made.push(drawn("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: up(y), y2: up(y) }));
      made.push(drawn("text", { x: LEFT - 8, y: up(y) + 5, "text-anchor": "end" }, String(Number(y.toPrecision(3)))));
    }
    for (const step of [...new Set([0, Math.round(last / 2), last])])
      made.push(drawn("text", { x: across(step), y: HEIGHT - 14, "text-anchor": step === last ? "end" : "middle" },
        step === last ? `${x} ${step}` : String(step)));
    for (const { points: own, kind } of series) {
      const shown = own.filter(([, y]) => y !== null);
      if (kind === "line" && shown.length > 1)
        made.push(drawn("polyline", { class: "line", points: shown.map(([step, y]) => `${across(step)},${up(y)}`).join(" ") }));
      if (kind === "steps") { // pairs: before a step, and after it
        for (let i = 0; i + 1 < own.length; i += 2) {
          const [[x1, y1], [x2, y2]] = [own[i], own[i + 1]];
          if (y1 !== null && y2 !== null)
            made.push(drawn("line", { class: kind, x1: across(x1), y1: up(y1), x2: across(x2), y2: up(y2) }));
        }
      }
      const size = kind === "steps" ? 4 : 2.5;
      for (const [step, y] of shown) made.push(drawn("circle", { class: kind, cx: across(step), cy: up(y), r: size }));
    }
    picture.setAttribute("aria-label", `${title}. The numbers follow in a table.`);
    picture.replaceChildren(...made);
    host.querySelector("figcaption").replaceChildren(...series.filter((each) => each.points.length).map(({ name, kind }) => {
      const key = document.createElement("span");
      key.className = `kind ${kind}`;
      key.textContent = name;
      return key;
    }));
    numbers(title, series);
  }

  function numbers(title, series) {
    const line = (kind, cells) => {
      const row = document.createElement("tr");
      row.append(...cells.map((cell) => {
        const made = document.createElement(kind);
        made.textContent = cell;
        if (kind === "th") made.scope = "col";
        return made;
      }));
      return row;
    };
    table.createCaption().textContent = title;
    table.tBodies[0]?.remove();
    const rows = document.createElement("tbody");
    rows.append(line("th", ["curve", "step", "loss"]));
    for (const { name, points } of series)
      for (const [step, y] of points) rows.append(line("td", [name, String(step), y === null ? "not finite" : y.toFixed(4)]));
    table.append(rows);
  }

  return { show };
}
