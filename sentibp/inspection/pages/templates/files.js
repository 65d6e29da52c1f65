// Saves what a network was taught, and loads a session: files(session). Browsers never replace a file on their own.
"use strict";

function files({ call, say, loaded }) {
  const at = (id) => document.getElementById(id);
  const dialog = at("replace"), input = at("session-file");
  const LARGEST = 8_000_000; // bytes

  async function save(file) {
    const response = await call("save", { file });
    if (response.error) return say(response.error);
    const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"))[1];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(`Saved as ${name} where your browser keeps downloads.`);
  }
  at("save-network").addEventListener("click", () => save("network"));
  at("save-session").addEventListener("click", () => save("session"));
  at("load-session").addEventListener("click", () => input.click());

  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = ""; // the same file can be chosen again
    if (!file) return;
    if (file.size > LARGEST) return say(`${file.name} is too large for a session`);
    let session;
    try {
      session = JSON.parse(await file.text());
    } catch {
      return say(`${file.name} is no session of sentibp play; choose a file that Save session wrote`);
    }
    load(session, file.name, false);
  });

  async function load(session, name, replace) {
    say(`Taking the steps of ${name} again…`);
    const answer = await call("load", { session, replace });
    if (answer.status === 409) return ask(answer.error, () => load(session, name, true));
    if (answer.error) return say(answer.error);
    loaded(answer);
    say(`${name}: ${answer.learned === 1 ? "1 step was" : `${answer.learned} steps were`} taken again, on ${answer.title}.`);
  }

  function ask(question, then) {
    say("");
    dialog.querySelector("p").textContent = `${question}.`;
    dialog.returnValue = "";
    at("load-session").focus(); // a dialog that closes gives the focus back at once; its event comes later
    dialog.showModal();
    dialog.onclose = () => {
      if (dialog.returnValue === "replace") then();
    };
  }
  for (const button of dialog.querySelectorAll("button"))
    button.addEventListener("click", () => dialog.close(button.value));
}
