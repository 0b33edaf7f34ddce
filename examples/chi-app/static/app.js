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
    // From five seconds before the expiry on, the next request refreshes. The server has
    // rounded the time down.
    document.getElementById("expired").hidden = least > 4;
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

// The page of the replicas counts who answers, and who has refreshed.
const replicas = document.getElementById("replicas");
if (replicas) {
  replicas.hidden = false;
  const status = document.getElementById("status");
  const table = document.getElementById("answers");
  const sources = ["call", "store", "joined", "kept", ""];
  const send = async () => {
    status.textContent = "Sending …";
    const counts = new Map();
    let failed = 0;
    const one = async () => {
      const answer = await fetch(replicas.dataset.url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const { replica, refreshed } = await answer.json();
      const row = counts.get(replica) ?? new Map();
      row.set(refreshed, (row.get(refreshed) ?? 0) + 1);
      counts.set(replica, row);
    };
    await Promise.all(Array.from({ length: 12 }, () => one().catch(() => failed++)));
    table.tBodies[0].replaceChildren(...[...counts.keys()].sort().map((replica) => {
      const row = document.createElement("tr");
      const total = [...counts.get(replica).values()].reduce((sum, n) => sum + n, 0);
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = replica;
      row.append(name);
      for (const n of [total, ...sources.map((source) => counts.get(replica).get(source) ?? 0)]) {
        row.insertCell().textContent = n;
      }
      return row;
    }));
    table.hidden = counts.size === 0;
    status.textContent = failed > 0 ? `${failed} of 12 requests have failed.` : "All 12 requests were answered.";
  };
  replicas.querySelector("button").addEventListener("click", send);
}
