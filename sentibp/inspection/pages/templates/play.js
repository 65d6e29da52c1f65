// Sends the text to the server, shows the prediction, and trains the network on it. See play_server.py for the calls.
"use strict";

(() => {
  const at = (id) => document.getElementById(id);
  const text = at("text"), form = at("teach"), learningRate = at("learning-rate"), optimizer = at("optimizer");
  const network = at("network"), rounds = at("rounds"), which = at("run-reviews");
  const { networks, presets } = JSON.parse(at("offered").dataset.offered);
  const LIMIT = Number(at("offered").dataset.limit); // bytes of a request
  const step = phases(at("phases"), at("stepper"));
  const curves = { losses: curve("losses"), heldOut: curve("held-out") };
  let calls = 0, running = 0, typing = null, signal = null;
  let answered = null; // the text that the page shows the answer to
  let chosen = null; // the label that somebody chose for the text; without one, the predicted label is shown
  let isOfText = false; // whether it is the label of this text alone: that of the beginning, or of a step that was made
  let begun = ""; // the text that the page began with
  let rates = {}; // the learning rate that each optimizer begins with
  let labelsShown = null, version = null, reviews = { practice: 0, taught: 0 }; // how many there are of each set
  let todo = [], isWorking = false, isRunning = false;

  function curve(id) { // of the loss over the steps: a function that draws it, or hides it while there is none
    const figure = at(id), place = figure.querySelector(".plot"), details = figure.querySelector("details");
    let renew = null;
    return (series) => {
      const drawn = series.filter(({ y }) => y.some((value) => value !== null));
      const known = (list) => list.filter((value) => value !== null).length;
      figure.hidden = Math.max(0, ...drawn.map(({ y }) => known(y))) < 2; // one point is no curve
      if (figure.hidden) return;
      const axes = { x: { title: "step", whole: true, zero: true }, y: { title: "loss", zero: true } };
      const chart = { id, title: figure.querySelector("h3").textContent, ...axes, height: 230, always: true, series: drawn };
      if (renew) renew(drawn);
      else renew = charts.draw(chart, place, details);
    };
  }
  const line = (points, more) => ({ kind: "line", x: points.map(([x]) => x), y: points.map(([, y]) => y), width: 2, ...more });

  const label = () => form.elements.label?.value;
  const settings = () => (optimizer.options.length
    ? { optimizer: optimizer.value, learning_rate: Number(learningRate.value) } : {});

  // Until the answer to the text is there, the one before is dimmed; soon a line says why, and its verdict goes. If there
  // is no answer, all of the one before is removed.
  function wait() {
    document.body.classList.add("waiting");
    signal ??= setTimeout(() => {
      at("status").textContent = "The network is at work…";
      if (answered === text.value) return;
      at("prediction").textContent = "…"; // what was said of another text
      at("logit").textContent = at("moved").textContent = "";
    }, 150);
  }
  function waited() {
    clearTimeout(signal);
    signal = null;
    at("status").textContent = "";
    document.body.classList.remove("waiting");
  }
  const parts = document.querySelectorAll(".of-text");
  function hide(isHidden, those = parts) {
    const focused = document.activeElement;
    for (const part of those) part.hidden = isHidden;
    if (focused !== document.body && !focused.checkVisibility()) text.focus(); // the focus was in what is hidden
  }

  async function post(name, request) { // the answer, or what to say instead of it
    const body = JSON.stringify(request);
    if (name !== "load" && new TextEncoder().encode(body).length > LIMIT)
      return { error: `the text is too long; give at most ${LIMIT.toLocaleString("en")} bytes`, isKnown: true };
    try {
      const response = await fetch(name, { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (name === "save" && response.ok) return response;
      return { ...(await response.json()), status: response.status, isKnown: true };
    } catch {
      return { error: "sentibp play does not answer; start it again" };
    }
  }

  async function call(name, more = {}) {
    const number = ++calls, asked = text.value, key = network.value;
    clearTimeout(typing); // this call has the text as it is now
    typing = null;
    running++;
    if (name !== "run") wait(); // whose answers are shown as they come
    const given = name === "learn" ? label() : labelsShown && chosen; // the labels of another network are not known yet
    const answer = await post(name, { network: key, text: asked, label: given ?? null, ...settings(), ...more });
    running--;
    const isLate = key !== network.value
      || ((name === "look" || name === "begin") && (number !== calls || typing !== null));
    if (!isLate) { // an answer about another network or an earlier text is ignored
      at("error").hidden = !answer.error;
      if (answer.error) fail(answer.error, answer.isKnown && name !== "look", name);
      else show(answer, name, asked);
    }
    for (const place of [at("steps"), at("marked")]) // what scrolls can be reached with the keyboard
      if (place.scrollHeight > place.clientHeight + 1) place.tabIndex = 0;
      else place.removeAttribute("tabindex");
    if (!running && typing === null) waited();
    if (!isLate && !answer.error && !running && typing === null && answered !== text.value) call("look"); // another text was refused meanwhile
    document.body.dataset.answered = String(number);
    return answer;
  }

  function complain(message, name) { // beside what was pressed
    const place = { learn: at("teach"), undo: at("teach"), reset: at("teach"), run: at("run") }[name];
    (place ?? text.closest("p")).after(at("error"));
    at("error").textContent = message;
    at("error").hidden = false;
  }

  function fail(message, isUnchanged, name) {
    complain(message, name);
    if (isUnchanged && answered === text.value) return; // the answer that is shown still holds
    answered = null;
    step.stop();
    at("prediction").textContent = at("logit").textContent = at("moved").textContent = "";
    at("marked").replaceChildren();
    hide(true);
  }

  function show(answer, name, asked) {
    const before = answered === asked ? answer.steps.at(-1) : null; // the bar moves only for the same text
    if (name === "begin") [text.value, begun, chosen, isOfText] = [answer.text, answer.text, answer.taught, true];
    page.direct(text);
    answered = name === "begin" ? answer.text : asked;
    if (configure(answer)) return void call("look"); // now that its labels are known
    if (chosen === null && name === "look") select(answer.label);
    hide(false);
    if (version !== null && answer.version_before !== version)
      at("note").textContent = `Another page taught this network, too: it has ${page.counted(answer.learned, "step")} now.`;
    else if (name !== "look") at("note").textContent = "";
    version = answer.version;
    progress(answer);
    if (answer.stopped) complain(answer.stopped, name);
    if (name === "undo" || name === "reset") at("run-status").textContent = "";
    if (name === "learn" && answer.drawing) {
      const moved = before && { from: before[2], to: before[3] };
      at("which").textContent = "This is the step that Learn made.";
      at("again").hidden = false;
      if (todo.length) {
        step.show(answer.drawing, "after");
        verdict(answer, moved);
      } else {
        if (matchMedia("(max-width: 60rem)").matches) { // below the answer, which stays at the top, and gets two lines more
          at("step").style.scrollMarginTop = `${at("answer").offsetHeight + 56}px`;
          at("step").scrollIntoView({ block: "start" });
        }
        step.play(answer.drawing, () => verdict(answer, moved));
      }
      return;
    }
    step.stop();
    verdict(answer, null);
    if (answer.drawing) {
      at("which").textContent = "This is the step that Learn would make.";
      step.show(answer.drawing, step.stage ?? "loss");
    } else if (answer.no_drawing) {
      at("which").textContent = `There is no drawing: ${answer.no_drawing}.`;
    }
    hide(Boolean(answer.no_drawing), [at("stepper"), at("phases")]);
  }

  const areBinary = (labels) => labels.join() === "negative,positive"; // two others have a probability each

  const select = (name) => { // without an event
    for (const each of form.querySelectorAll("[name=label]")) each.checked = each.value === name;
  };

  function accept(isKnown) { // until its first answer, nothing is known of a network that it could be taught
    form.querySelector("fieldset").disabled = at("run-button").disabled = !isKnown;
  }

  // The labels, the optimizer and the shape of the answer are those of the network. Return whether the answer to
  // another label is wanted.
  function configure(answer) {
    const names = JSON.stringify([network.value, answer.labels]);
    if (names === labelsShown) return false;
    labelsShown = names;
    accept(true);
    version = null;
    const several = !areBinary(answer.labels);
    if (!answer.labels.includes(chosen)) chosen = null;
    at("labels").replaceChildren(...(several ? answer.labels : answer.labels.toReversed()).map((name) => {
      const made = document.createElement("label"), input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "label", value: name });
      made.append(input, page.element("span", {}, name));
      return made;
    }));
    select(chosen ?? answer.label);
    rates = answer.rates;
    optimizer.replaceChildren(...answer.optimizers.map((each) => new Option(each, each)));
    [optimizer.value, learningRate.value] = answer.default;
    document.querySelector(".meter").hidden = several;
    at("distribution").hidden = !several;
    const ends = several ? answer.labels : answer.labels.toReversed();
    [at("ends").firstElementChild.textContent, at("ends").lastElementChild.textContent] = [ends[0], ends.at(-1)];
    at("ends").hidden = several;
    at("contributions-section").querySelector("summary").textContent = `Contributions${several ? "" : " to the logit"}`;
    measure();
    return answer.drawing !== null && answer.drawing.label !== label();
  }

  function verdict(answer, moved) { // the answer to the text; `moved` is the probability before and after a step
    const unknown = answer.unknown.length ? `unknown words: ${answer.unknown.map((word) => shortened(word, 30)).join(" | ")}` : "";
    if (answer.probabilities) distribution(answer, unknown);
    else {
      at("needle").style.width = `${100 * answer.positive}%`;
      const score = answer.label === answer.labels[1] ? answer.positive : 1 - answer.positive;
      at("prediction").textContent = `${answer.label} ${page.probability(score)}`;
      at("logit").textContent = listed(
        `probability of positive ${page.probability(answer.positive)}, logit ${page.signed(answer.logit)}`, unknown);
    }
    at("moved").textContent = moved ? `(${change(answer, answer.steps.at(-1))})` : "";
    at("was").hidden = !moved || Boolean(answer.probabilities);
    if (moved) at("was").style.left = `${100 * moved.from}%`;
    at("marked").innerHTML = answer.html; // rendered, and escaped, by explanation.py
    contributions(answer);
  }

  // What a step did to the probability of its label; of two labels it is that of positive, as everywhere on the page.
  const change = ({ labels }, [, kind, before, after]) =>
    `${areBinary(labels) ? "positive" : page.said(kind)} ${page.probability(before)} → ${page.probability(after)}`;
  const shortened = (said, most) => (said.length > most ? `${said.slice(0, most - 1)}…` : said);
  const listed = (...parts) => parts.filter(Boolean).join("; ");

  function distribution(answer, unknown) { // more than two labels: a bar for each, from the worst to the best
    const score = answer.probabilities[answer.labels.indexOf(answer.label)], placed = answer.place !== null;
    page.distribution(at("distribution"), answer.labels, answer.probabilities, answer.label);
    at("scale").hidden = at("ends").hidden = !placed;
    if (placed) at("scale").firstElementChild.style.left = `${100 * answer.place}%`;
    at("prediction").textContent = `${page.said(answer.label)} ${page.probability(score)}`;
    at("logit").textContent = listed(
      placed && `place ${answer.place.toFixed(4)} on the scale from 0 to 1`, unknown);
  }

  function contributions(answer) {
    if (!answer.sums) return at("contributions").replaceChildren(tableOf(answer, "the logit"));
    at("contributions").replaceChildren(...answer.sums.flatMap((each) => {
      const title = document.createElement("h2"), [worst, best] = [answer.labels[0], answer.labels.at(-1)];
      title.textContent = each.name === "polarity" ? `polarity: green is evidence for ${best}, red for ${worst}`
        : each.of_middle ? "neutrality: blue is evidence for the middle, yellow for the ends"
          : `${each.name}: green is evidence for it`;
      return [title, tableOf(each, each.name)];
    }));
  }

  function tableOf(answer, sum) {
    const colours = answer.of_middle ? ["opinion", "neutral"] : ["negative", "positive"];
    const { row } = page, table = document.createElement("table");
    table.createCaption().className = "unseen";
    table.caption.textContent = `The contributions to ${sum}`;
    table.append(row("th", ["word or n-gram", "contribution", "size"]));
    for (const [name, value, size] of answer.parts) {
      const bar = document.createElement("div");
      bar.className = colours[value < 0 ? 0 : 1];
      bar.style.setProperty("--share", `${(100 * size).toFixed(1)}%`);
      const made = row("td", [name, page.signed(value), bar]);
      made.lastChild.className = "bar";
      table.append(made);
    }
    const [count, rest] = answer.others;
    if (count) table.append(row("td", [page.counted(count, "other"), page.signed(rest), ""]));
    table.append(row("td", ["bias (an empty review)", page.signed(answer.bias), ""]));
    table.append(row("td", [`${sum} (the sum)`, page.signed(answer.value ?? answer.logit), ""]));
    return table;
  }

  // --- what it was taught

  const LISTED = 20; // steps
  const HARM = 0.05, ENOUGH = 20; // of the accuracy on held-out reviews, if there are enough of them

  function progress(answer) {
    const focused = document.activeElement;
    at("undo").disabled = !answer.steps.length;
    at("reset").disabled = !answer.learned;
    if ([at("undo"), at("reset")].includes(focused) && focused.disabled) // which loses the focus
      (at("reset").disabled ? at("learn") : at("reset")).focus();
    const listed = answer.steps.slice(-LISTED);
    at("steps").start = answer.learned - listed.length + 1;
    at("steps").replaceChildren(...listed.map((step) => {
      const [taught, kind] = step;
      const item = document.createElement("li");
      item.textContent = `“${shortened(taught, 60)}” is ${kind}: ${change(answer, step)}`;
      return item;
    }));
    at("steps").scrollTop = at("steps").scrollHeight;
    const { losses, practice, held_out: heldOut } = answer.curve;
    const of = (isRun) => losses.filter((each) => each[3] === isRun);
    curves.losses([
      line(of(false).flatMap(([number, before, after]) => [[number - 1, before], [number, after]]),
        { name: "your steps, from before to after", pairs: true, colour: "--minus", symbol: "circle" }),
      line(of(true).map(([number, before]) => [number - 1, before]),
        { kind: "points", name: "steps of Run, each before it", colour: "--faint", symbol: "circle", size: 2.5 }),
      line(practice, { name: "mean of the reviews of Run", colour: "--focus", symbol: "square", size: 3 }),
    ]);
    at("about-losses").textContent = [
      losses.some((each) => !each[3]) ? "Where a line falls, the step lowered the loss on its own review." : "",
      practice.length ? "Each point is the loss of a review before the step of Run on it; a square is the mean of all "
        + "reviews of Run." : "",
    ].join(" ").trim();
    curves.heldOut([line(answer.learned ? heldOut : [], { name: "mean of the held-out reviews", colour: "--focus", symbol: "square", size: 3 })]);
    cost(answer, heldOut);
    const [own, taught] = which.options;
    if (answer.reviews?.practice) own.textContent = answer.reviews.practice;
    own.disabled = answer.reviews !== null && !answer.reviews.count;
    taught.textContent = `what you taught (${page.counted(answer.taught, "review")})`;
    taught.disabled = !answer.taught;
    if (which.selectedOptions[0].disabled) which.value = own.disabled ? "taught" : "practice";
    reviews = { practice: answer.reviews?.count ?? 0, taught: answer.taught };
  }

  function cost(answer, heldOut) { // what the steps cost on reviews that they are not about
    const { reviews } = answer;
    if (!reviews) return;
    if (!reviews.held_out) return void (at("cost").textContent = `No reviews are held out: ${reviews.why_none}.`);
    const now = answer.curve.now, [, loss, accuracy] = heldOut[0] ?? [];
    const percent = (share) => `${(100 * share).toFixed(1)} %`, short = (value) => value?.toFixed(4) ?? "not finite";
    if (!now || !heldOut.length) return;
    const worse = answer.learned && reviews.held_out_count >= ENOUGH ? harm(accuracy, loss, now) : "";
    at("cost").classList.toggle("harm", Boolean(worse));
    at("cost").textContent = answer.learned
      ? `${worse}On held-out reviews (${reviews.held_out}), ${page.counted(answer.learned, "step")} moved the loss from `
        + `${short(loss)} to ${short(now[0])}, and the accuracy from ${percent(accuracy)} to ${percent(now[1])}.`
      : `On held-out reviews (${reviews.held_out}) the loss is ${short(now[0])}, and the accuracy ${percent(now[1])}.`;
  }

  function harm(accuracy, loss, now) { // what to say if the steps cost much more on others than one review is worth
    const [after, right] = now, isDear = after === null || after > 1.25 * loss + 0.1;
    if (accuracy - right < HARM && !isDear) return "";
    return "These steps do harm: what they taught cost more on other reviews than it is worth. Press Undo, or Reset, and "
      + "choose a smaller learning rate. ";
  }

  async function measure() { // beside the other calls: to read the reviews takes a while
    const key = network.value, answer = await post("measure", { network: key });
    if (key !== network.value) return;
    if (answer.error) return void (at("cost").textContent = `The held-out reviews cannot be scored: ${answer.error}.`);
    const isOther = version !== null && answer.version !== version;
    if (labelsShown && !isOther) progress(answer);
    if (isOther && !running) call("look");
  }

  // Actions wait for each other, so that quick clicks are all done, in their order.
  async function act(action) {
    todo.push(action);
    if (isWorking) return;
    isWorking = true;
    while (todo.length) {
      const name = todo.shift();
      let times = 1;
      if (name === "learn") [chosen, isOfText] = [label(), true];
      for (; name === "learn" && todo[0] === "learn" && times < 64; times++) todo.shift();
      const answer = await call(name, name === "learn" ? { times } : {});
      if (answer.error || answer.stopped) todo = [];
    }
    isWorking = false;
  }

  async function run() {
    const times = Math.min(Math.max(Math.round(Number(rounds.value)) || 1, 1), 1000);
    isRunning = true;
    document.body.classList.add("running");
    at("run-button").textContent = "Stop";
    step.stop();
    let done = 0, total = 1;
    const key = network.value;
    while (isRunning && done < total && key === network.value) {
      const count = reviews[which.value] || 1;
      total = times * count;
      const steps = Math.min(count, 64, total - done);
      const answer = await call("run", { reviews: which.value, steps });
      if (answer.error || answer.stopped) break;
      done += steps;
      at("run-status").textContent = `${done} of ${page.counted(total, "step")}`;
    }
    isRunning = false;
    document.body.classList.remove("running");
    at("run-button").textContent = "Run";
    if (at("error").hidden) call("look");
  }

  // --- events

  text.addEventListener("input", () => {
    page.direct(text);
    clearTimeout(typing);
    typing = setTimeout(() => call("look"), 120);
    if (isOfText) [chosen, isOfText] = [null, false];
    at("error").hidden = true;
    wait();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name === "label") [chosen, isOfText] = [label(), false];
    if (event.target === optimizer) learningRate.value = rates[optimizer.value]; // that of another one is no guide
    call("look");
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act("learn");
  });
  at("again").addEventListener("click", () => act("learn"));
  at("undo").addEventListener("click", () => act("undo"));
  at("reset").addEventListener("click", () => act("reset"));
  at("run").addEventListener("submit", (event) => {
    event.preventDefault();
    if (isRunning) isRunning = false;
    else run();
  });
  for (const kind of ["focus", "pageshow"]) // another page may have taught the network meanwhile
    addEventListener(kind, () => labelsShown && !isRunning && !isWorking && measure());

  function choose(key, label, isMine = false) { // isMine: whether somebody chose the label
    chosen = label;
    isOfText = !isMine;
    network.value = key;
    labelsShown = answered = null;
    accept(false);
    reviews = { practice: 0, taught: 0 };
    isRunning = false;
    step.stop();
    const shown = networks.find((each) => each.key === key);
    at("about").textContent = shown.about;
    rounds.value = shown.rounds;
    at("cost").textContent = "Reading held-out reviews…";
    at("moved").textContent = at("run-status").textContent = at("saved").textContent = at("note").textContent = "";
    at("was").hidden = at("again").hidden = true;
  }

  // The label and the settings of the form are those of the network before.
  const lookAnew = () => call("look", { label: null, optimizer: null, learning_rate: null });

  network.replaceChildren(...networks.map(({ key, title }) => new Option(title, key)));
  const begin = () => call("begin", { text: "", label: null, optimizer: null, learning_rate: null });
  network.addEventListener("change", () => {
    const isOwn = text.value === begun; // and nobody typed one
    choose(network.value, isOwn || isOfText ? null : chosen, true);
    if (isOwn) begin();
    else lookAnew();
  });
  at("presets").append(...presets.map((preset) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: preset.title });
    button.addEventListener("click", () => {
      choose(preset.network, preset.label);
      if (preset.text === null) return void begin();
      text.value = begun = preset.text;
      lookAnew();
    });
    return button;
  }));

  files({
    call: (name, more) => post(name, { network: network.value, ...more }),
    say: (message) => (at("saved").textContent = message),
    loaded: (answer) => {
      text.value = answer.text;
      choose(answer.network, answer.taught);
      lookAnew();
    },
  });

  choose(network.value, null);
  begin();
})();
