// All pages work without this file. It counts down, and it calls the API.
"use strict";

// The server says how long the tokens live, so the browser's clock need not be
// right; performance.now goes on evenly.
const timers = document.querySelectorAll("[data-remains]");
if (timers.length > 0) {
  const start = performance.now();
  const tick = () => {
    const elapsed = (performance.now() - start) / 1000;
    let least = Infinity;
    for (const timer of timers) {
      const left = Math.max(0, Math.ceil(timer.dataset.remains - elapsed));
      timer.textContent = left > 0 ? `${left} s` : "expired";
      timer.parentElement.querySelector("progress").value = left;
      least = Math.min(least, left);
    }
    // From five seconds before the expiry on, the next request refreshes.
    document.getElementById("expired").hidden = least > 5;
    if (least > 0) setTimeout(tick, 250);
  };
  tick();
}

const card = document.getElementById("call");
if (card) {
  card.hidden = false;
  const status = document.getElementById("status");
  const body = document.getElementById("body");
  const timing = document.getElementById("timing");
  const call = async (credentials) => {
    status.textContent = "Calling …";
    body.hidden = true;
    timing.textContent = "";
    try {
      const answer = await fetch(card.dataset.url, { credentials, headers: { Accept: "application/json" } });
      const text = await answer.text();
      body.textContent = JSON.stringify(JSON.parse(text), null, 2);
      body.hidden = false;
      timing.textContent = `Server-Timing: ${answer.headers.get("Server-Timing")}`;
      status.textContent = `The answer is ${answer.status} ${answer.statusText}.`;
    } catch (error) {
      status.textContent = `The call failed: ${error.message}`;
    }
  };
  for (const button of card.querySelectorAll("button")) {
    button.addEventListener("click", () => call(button.dataset.credentials));
  }
}
