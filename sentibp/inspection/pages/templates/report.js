// Sets up the parts of a report: its charts, the tables of reviews, and the stepper.
"use strict";

page.unpacked(document.getElementById("numbers")).then((numbers) => {
  charts.all(numbers.charts);
  for (const host of document.querySelectorAll(".reviews")) reviewTable(host, numbers.reviews[host.dataset.table]);

  const host = document.getElementById("stepper");
  if (!host) return;
  const run = document.getElementById("step-run"), review = document.getElementById("step-review");
  const steps = stepper(host), drawings = page.restored(numbers.steps, numbers.shared);
  function fill() {
    review.replaceChildren(...drawings[run.value].map(({ title }, i) => new Option(title, i)));
    show();
  }
  function show() {
    steps.show({ ...drawings[run.value][review.value].drawing, formulas: numbers.formulas });
  }
  run.addEventListener("change", fill);
  review.addEventListener("change", show);
  fill();
});
