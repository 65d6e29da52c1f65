// What the scripts of several pages need: elements, numbers as the program writes them, and the data of a page.
"use strict";

const page = {
  element(name, attributes = {}, ...content) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  },
  breakable(label) { // the parts of a label or key, which may break after a dot or an underscore, as in figures.html
    return label.split(/(?<=[._])/).flatMap((part, i) => (i ? [page.element("wbr"), part] : [part]));
  },
  drawn(name, attributes = {}, ...content) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  },
  paint(made, name, colour) { // a string that begins with "--" is the name of a colour of the style
    made.style.setProperty(name, colour.startsWith("--") ? `var(${colour})` : colour);
    return made;
  },
  row(kind, cells) { // of a table; kind: "th" or "td"
    return page.element("tr", {}, ...cells.map((cell) => page.element(kind, kind === "th" ? { scope: "col" } : {}, cell ?? "")));
  },
  room(place) { // the width of a place: on paper, charts of a row share a page of A4 or letter
    return page.paper ? (place.closest(".row") ? 320 : 660) : Math.max(place.clientWidth, 200);
  },
  redrawn(place, draw) { // draws now, and again when the place has another width, and for paper
    draw();
    for (const [event, paper] of [["beforeprint", true], ["afterprint", false]]) {
      addEventListener(event, () => {
        page.paper = paper;
        draw();
      });
    }
    let width = place.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(place.clientWidth - width) < 2) return;
      width = place.clientWidth;
      draw();
    }).observe(place);
  },
  fade(scroll) { // where more of a drawing is to the left or to the right
    const { scrollLeft, scrollWidth, clientWidth } = scroll;
    scroll.classList.toggle("more-left", scrollLeft > 2);
    scroll.classList.toggle("more-right", scrollLeft + clientWidth < scrollWidth - 2);
  },
  read(host) { // the data of the page, with unpack.js; what went wrong is written on the page
    try {
      return page.numbers = unpacked(host.textContent);
    } catch (error) {
      document.querySelector("main").prepend(page.element("p", { class: "warning" },
        `The data of this page are damaged (${error.message}), so it has no charts. Write it again.`));
      throw error;
    }
  },
  power(value, digits) { // as Python writes it: 1.8e-07
    return value.toExponential(digits).replace(/([+-])(\d)$/, "$10$2");
  },
  number(value) { // as in worksheet.py: 4 decimals, or as many as show 3 digits, or up to 9 that show it is not whole
    const size = Math.abs(value), distance = Math.abs(value - Math.round(value));
    if (size === 0) return "0";
    if (size < 1e-3 || size >= 1e6) return page.power(value, 2);
    let digits = Math.max(4, 2 - Math.floor(Math.log10(size)));
    if (distance >= 1e-8 && distance < 5e-5) digits = 1 - Math.floor(Math.log10(distance));
    return value.toFixed(digits);
  },
  probability(value) { // as in render.py: 4 decimals, or up to 6 that show that it is not certain
    if (value > 0 && value < 5e-5) return page.power(value, 1);
    if (value > 1 - 1e-6 && value < 1) return ">0.999999";
    const distance = 1 - value;
    return value.toFixed(distance > 0 && distance < 5e-5 ? Math.min(1 - Math.floor(Math.log10(distance)), 6) : 4);
  },
  signed(value) { // as in render.py
    const digits = value === 0 || Math.abs(value) >= 5e-4 ? value.toFixed(4) : page.power(value, 1);
    return (value < 0 ? "" : "+") + digits;
  },
  said(label) { // before a number: a label that is a number itself, such as a rating, in quotes
    return /\p{L}/u.test(label) ? label : `“${label}”`;
  },
  counted(n, noun) { // 1 review, 2 reviews
    return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
  },
  // A column for each label; or where their names are too wide for columns, a row for each of the most probable.
  distribution(host, names, probabilities, best) {
    const ROOM = 330, MOST = 5, isWide = names.length * (Math.max(...names.map(page.width)) + 8) > ROOM;
    const said = names.map((name, i) => `${page.said(name)} ${page.probability(probabilities[i])}`);
    const isShown = (i) => !isWide || probabilities.filter((p, j) => p > probabilities[i] || (p === probabilities[i] && j < i)).length < MOST;
    host.setAttribute("aria-label", said.join(", "));
    host.classList.toggle("rows", isWide);
    if (host.children.length !== names.length) // else the same elements, so that the bars move
      host.replaceChildren(...names.map(() => page.element("div", {}, page.element("div"), page.element("span"))));
    names.forEach((name, i) => {
      const made = host.children[i];
      made.firstElementChild.style.setProperty("--share", `${100 * probabilities[i]}%`);
      made.lastElementChild.textContent = isWide ? said[i] : name;
      Object.assign(made, { title: said[i], className: name === best ? "predicted" : "", hidden: !isShown(i) });
    });
    const others = probabilities.filter((_, i) => !isShown(i)), rest = others.reduce((sum, p) => sum + p, 0);
    host.dataset.others = others.length ? `${page.counted(others.length, "other")}, together ${page.probability(rest)}` : "";
  },
  direct(field) { // as dir="auto", with which Chromium takes a minute for a text of 1 MB
    const [first] = /\p{L}/u.exec(field.value.slice(0, 1000)) ?? [""];
    field.dir = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u.test(first) ? "rtl" : "ltr";
  },
  width(text) { // of a text of 14 px
    page.context ??= document.createElement("canvas").getContext("2d");
    page.context.font = "14px system-ui, sans-serif";
    return page.context.measureText(text).width;
  },
};
