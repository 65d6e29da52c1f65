// Plays a training step in its four phases, forward, loss, backward and update, in a drawing of stepper.js:
// phases(host, makeSteps). The sentences are those of phases.py. Without motion, the step is shown and not played.
"use strict";

function phases(host, stepperHost) {
  const WORDS = { forward: "Forward", loss: "Loss", backward: "Backward", update: "Update" };
  const TIME = { forward: 1800, loss: 1800, backward: 3000, update: 2600 }; // milliseconds of a phase
  const SHORTEST = 140; // milliseconds of a stage
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const steps = stepper(stepperHost, (stage, byUser) => {
    if (byUser) pause();
    mark(stage);
  });
  const button = host.querySelector("#play"), list = host.querySelector("ol"), spoken = host.querySelector(".spoken");
  let drawing = null, timer = null, settle = null; // settle: what to do once when the update is reached

  const phaseOf = (stage) => drawing.phases.findIndex(({ first, last }) => first <= stage && stage <= last);

  function mark(stage) {
    if (!drawing) return;
    const now = phaseOf(stage);
    [...list.children].forEach((item, i) => {
      if (i === now) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
    if (spoken.textContent !== drawing.phases[now].sentence) spoken.textContent = drawing.phases[now].sentence;
    if (now === drawing.phases.length - 1 && stage === drawing.phases[now].last) finish();
  }

  function finish() {
    const todo = settle;
    settle = null;
    todo?.();
  }

  function tick() {
    const stage = steps.stage + 1;
    if (stage >= drawing.stages.length) return pause();
    const phase = drawing.phases[phaseOf(stage)];
    steps.play(true, phase.name === "backward");
    steps.go(stage);
    timer = setTimeout(tick, Math.max(SHORTEST, TIME[phase.name] / (phase.last - phase.first + 1)));
  }

  function pause() {
    clearTimeout(timer);
    timer = null;
    steps.play(false, false);
    button.textContent = "Play";
  }

  function start() {
    if (steps.stage >= drawing.stages.length - 1) steps.go(0);
    else steps.go(steps.stage);
    button.textContent = "Pause";
    steps.play(true, false);
    clearTimeout(timer);
    timer = setTimeout(tick, 500);
    mark(steps.stage);
  }

  button.addEventListener("click", () => {
    isHeld = false;
    if (timer === null) start();
    else pause();
  });
  // The space bar plays and pauses in the drawing. While the step plays, or the space bar paused it, it does so from
  // wherever the focus is: it is on Learn then, and would make another step. In a text field it writes a space.
  let isHeld = false; // whether the space bar paused it
  const isText = (each) => each.matches("textarea, select, [contenteditable], input:not([type=radio], [type=range])");
  for (const kind of ["keydown", "keyup"]) { // Firefox clicks a button on keyup
    document.addEventListener(kind, (event) => {
      if (event.key !== " " || !drawing || isText(event.target) || document.querySelector("dialog[open]")) return;
      if (timer === null && !isHeld && !event.target.closest(".network")) return;
      event.preventDefault();
      event.stopPropagation();
      if (kind === "keyup" || event.repeat) return;
      isHeld = timer !== null;
      if (isHeld) pause();
      else start();
    }, true);
  }
  for (const kind of ["pointerdown", "focusin"]) document.addEventListener(kind, () => (isHeld = false), true);

  return {
    show(next, stage) {
      stop();
      drawing = next;
      if (!list.children.length) list.append(...drawing.phases.map(phaseItem));
      drawing.phases.forEach(({ sentence }, i) => (list.children[i].lastChild.textContent = sentence));
      const kind = drawing.stages.findIndex((each) => each.kind === stage);
      steps.show(drawing, typeof stage === "number" ? stage : kind);
    },
    // Play the step from its beginning; `then` is called once, when the update is reached or the step is left.
    play(next, then) {
      this.show(next, still.matches ? next.stages.length - 1 : 0);
      settle = then;
      if (still.matches) finish();
      else start();
    },
    stop,
    get stage() { return steps.stage; },
  };

  function phaseItem({ name }, i) { // the button shows the phase, and its sentence is there if nothing moves
    const item = document.createElement("li"), head = document.createElement("button");
    head.type = "button";
    head.textContent = WORDS[name];
    head.addEventListener("click", () => {
      pause();
      steps.go(name === "update" ? drawing.phases[i].last : drawing.phases[i].first);
    });
    item.append(head, document.createElement("span"));
    return item;
  }

  function stop() {
    isHeld = false;
    pause();
    finish();
  }
}
