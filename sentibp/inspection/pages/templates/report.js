// Sets up the sections of a report: its charts, the mistakes, the tables of reviews, and the stepper.
"use strict";

{
  const { element, row } = page, numbers = page.read(document.getElementById("numbers"));
  charts.all(numbers.charts);
  document.querySelectorAll(".mistake").forEach((quote, i) => colour(quote, numbers.mistakes[i]));
  for (const host of document.querySelectorAll(".reviews")) reviewTable(host, numbers.reviews[host.dataset.table]);
  const host = document.getElementById("stepper");
  if (host) steps(host, numbers);

  function colour(quote, pieces) { // what lies between words is a text, and a word has its kind, its share and its contribution
    const words = pieces.filter((piece) => typeof piece !== "string");
    quote.replaceChildren(...pieces.map((piece) => {
      if (typeof piece === "string") return piece;
      const [text, kind, share, contribution] = piece;
      const mark = element("mark", { title: contribution, ...(kind ? { class: kind } : {}) }, text);
      mark.style.setProperty("--share", `${share}%`);
      return mark;
    }));
    const size = ([, , , contribution]) => Math.abs(Number(contribution)) || 0; // of an unknown word: 0
    const table = element("table", {}, element("caption", { class: "unseen" }, "The contributions of the words, the largest first"),
      row("th", ["word", "contribution"]), ...[...words].sort((a, b) => size(b) - size(a)).map(([text, , , contribution]) => row("td", [text, contribution])));
    if (quote.nextElementSibling?.matches(".numbers")) quote.nextElementSibling.remove(); // of a page that a browser saved
    quote.after(element("details", { class: "numbers" }, element("summary", {}, "Show as a table"), element("div", { class: "scroll", tabindex: 0 }, table)));
  }

  function steps(host, { steps, formulas }) {
    const run = document.getElementById("step-run"), review = document.getElementById("step-review"), shown = stepper(host);
    const show = () => shown.show({ ...steps[run.value][review.value].drawing, formulas });
    const fill = () => {
      review.replaceChildren(...steps[run.value].map(({ title }, i) => new Option(title, i)));
      show();
    };
    run.addEventListener("change", fill);
    review.addEventListener("change", show);
    fill();
  }
}
