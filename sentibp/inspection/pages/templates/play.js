// Sends the text to the server, shows the prediction, and trains the model on it. See play.py for the calls.
"use strict";

(() => {
  const at = (id) => document.getElementById(id);
  const text = at("text"), form = at("teach"), learningRate = at("learning-rate"), optimizer = at("optimizer");
  const steps = stepper(at("stepper"));
  let calls = 0, running = 0, typing = null, signal = null;
  let answered = null; // the text that the page shows the answer to

  const label = () => form.elements.label.value;

  // Until the answer to the text is there, the one before is dimmed, and after a while a line says why. If there is none,
  // the one before is removed.
  function wait() {
    document.body.classList.add("waiting");
    signal ??= setTimeout(() => (at("status").textContent = "The model is at work…"), 300);
  }
  function waited() {
    clearTimeout(signal);
    signal = null;
    at("status").textContent = "";
    document.body.classList.remove("waiting");
  }
  const parts = document.querySelectorAll(".of-text");
  function hide(isHidden) {
    for (const part of parts) part.hidden = isHidden;
  }

  async function call(name, more = {}) {
    const number = ++calls, asked = text.value;
    clearTimeout(typing); // this call has the text as it is now
    typing = null;
    running++;
    wait();
    let answer, isKnown = true; // whether the model is as it was if there is an error
    try {
      const response = await fetch(name, {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ text: asked, label: label(), ...more }),
      });
      answer = await response.json();
    } catch {
      answer = { error: "sentibp play does not answer; start it again" };
      isKnown = false;
    }
    running--;
    if (name !== "look" || (number === calls && typing === null)) { // ignore answers to earlier texts
      at("error").hidden = !answer.error;
      if (!answer.error) show(answer, name, asked);
      else fail(answer.error, isKnown && name !== "look");
    }
    if (!running && typing === null) waited();
    document.body.dataset.answered = String(number);
  }

  function fail(message, isUnchanged) {
    at("error").textContent = message;
    if (isUnchanged && answered === text.value) return; // the answer that is shown still holds
    answered = null;
    at("prediction").textContent = at("logit").textContent = "";
    at("marked").replaceChildren();
    hide(true);
  }

  function show(answer, name, asked) {
    answered = asked;
    hide(false);
    at("model").textContent = answer.model;
    const unknown = answer.unknown.length ? `; unknown words: ${answer.unknown.join(", ")}` : "";
    if (answer.probabilities) distribution(answer, unknown);
    else {
      at("needle").style.width = `${100 * answer.positive}%`;
      const score = answer.label === "positive" ? answer.positive : 1 - answer.positive;
      at("prediction").textContent = `${answer.label} ${score.toFixed(4)}`;
      at("logit").textContent = `probability of positive ${answer.positive.toFixed(4)}, logit ${signed(answer.logit)}`
        + unknown;
    }
    at("marked").innerHTML = answer.html; // rendered, and escaped, by explanation.py
    contributions(answer);
    history(answer);
    if (!optimizer.options.length) {
      optimizer.append(...answer.optimizers.map((each) => new Option(each, each)));
      [optimizer.value, learningRate.value] = answer.default;
    }
    if (answer.drawing) {
      const stage = (kind) => answer.drawing.stages.findIndex((each) => each.kind === kind);
      steps.show(answer.drawing, name === "learn" ? stage("update") : steps.stage ?? stage("loss"));
    }
  }

  const signed = (value) => (value < 0 ? "" : "+") + value.toFixed(4);

  function row(kind, cells) {
    const made = document.createElement("tr");
    for (const cell of cells) {
      const place = document.createElement(kind);
      place.append(cell);
      if (kind === "th") place.scope = "col";
      made.append(place);
    }
    return made;
  }

  function distribution(answer, unknown) { // more than two labels: a bar for each, from the worst to the best
    const score = answer.probabilities[answer.labels.indexOf(answer.label)], placed = answer.place !== null;
    at("distribution").setAttribute("aria-label",
      answer.labels.map((name, i) => `${name} ${answer.probabilities[i].toFixed(4)}`).join(", "));
    at("distribution").replaceChildren(...answer.labels.map((name, i) => {
      const column = document.createElement("div"), bar = document.createElement("div"), title = document.createElement("span");
      bar.style.height = `${100 * answer.probabilities[i]}%`;
      title.textContent = name;
      column.title = `${name} ${answer.probabilities[i].toFixed(4)}`;
      column.className = name === answer.label ? "predicted" : "";
      column.append(bar, title);
      return column;
    }));
    at("scale").hidden = at("ends").hidden = !placed;
    if (placed) at("scale").firstElementChild.style.left = `${100 * answer.place}%`;
    at("prediction").textContent = `${answer.label} ${score.toFixed(4)}`;
    at("logit").textContent = [placed ? `place ${answer.place.toFixed(4)}` : "",
      ...answer.sums.map((each) => `${each.name} ${signed(each.value)}`)].filter(Boolean).join(", ") + unknown;
  }

  function contributions(answer) {
    if (!answer.sums) return at("contributions").replaceChildren(tableOf(answer, "logit"));
    at("contributions").replaceChildren(...answer.sums.flatMap((each) => {
      const title = document.createElement("h3");
      title.textContent = each.name;
      return [title, tableOf(each, each.name)];
    }));
  }

  function tableOf(answer, sum) {
    const colours = sum === "neutrality" ? ["opinion", "neutral"] : ["negative", "positive"];
    const table = document.createElement("table");
    const largest = Math.max(...answer.parts.map(([, value]) => Math.abs(value)), 1e-9);
    table.createCaption().className = "unseen";
    table.caption.textContent = `The contributions to the ${sum}`;
    table.append(row("th", ["word or n-gram", "contribution", "size"]));
    for (const [name, value] of answer.parts) {
      const bar = document.createElement("div");
      bar.className = colours[value < 0 ? 0 : 1];
      bar.style.setProperty("--share", `${(100 * Math.abs(value)) / largest}%`);
      const made = row("td", [name, signed(value), bar]);
      made.lastChild.className = "bar";
      table.append(made);
    }
    const [count, rest] = answer.others;
    if (count) table.append(row("td", [`${count} others`, signed(rest), ""]));
    table.append(row("td", ["bias (an empty review)", signed(answer.bias), ""]));
    table.append(row("td", [`${sum} (the sum)`, signed(answer.value ?? answer.logit), ""]));
    return table;
  }

  function history(answer) {
    const focused = document.activeElement;
    at("undo").disabled = !answer.steps.length;
    at("reset").disabled = !answer.learned;
    if ([at("undo"), at("reset")].includes(focused) && focused.disabled) // which loses the focus
      (at("reset").disabled ? at("learn") : at("reset")).focus();
    at("steps").start = answer.learned - answer.steps.length + 1;
    at("steps").replaceChildren(...answer.steps.map(([text, kind, before, after]) => {
      const item = document.createElement("li"), short = text.length > 60 ? `${text.slice(0, 59)}…` : text;
      item.textContent = `“${short}” is ${kind}: ${answer.probabilities ? kind : "positive"} ${before.toFixed(4)} → ${after.toFixed(4)}`;
      return item;
    }));
  }

  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => call("look"), 120);
    at("error").hidden = true;
    wait();
  });
  form.addEventListener("change", (event) => event.target.name === "label" && call("look"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call("learn", { optimizer: optimizer.value, learning_rate: Number(learningRate.value) });
  });
  at("undo").addEventListener("click", () => call("undo"));
  at("reset").addEventListener("click", () => call("reset"));
  call("look");
})();
