/* Owns which limits are in force, in words, with their revision and who edited them last. */
import { READ_MS } from "./api.js";
import { el, find, setText } from "./dom.js";
import { Freshness } from "./freshness.js";
import { poll } from "./poll.js";
import { showRevision } from "./revisions.js";
import { timeElement } from "./time.js";

const SECONDS = 2;

/** Follows the limits, which only a key with the role audit may ask for. */
export function followLimits(panel, api, signal) {
  const freshness = new Freshness(panel, find("[data-read]", panel), signal);
  let shown = "";
  const read = async () => {
    const answer = await api.get("/thresholds", { signal, patience: READ_MS });
    const told = JSON.stringify(answer);
    if (told !== shown) draw(panel, answer);
    shown = told;
  };
  poll(read, SECONDS, { signal, freshness });
}

function draw(panel, { thresholds, ...revision }) {
  showRevision(find("[data-revision]", panel), revision);
  const empty = find("[data-empty]", panel);
  empty.hidden = thresholds.length > 0;
  setText(empty, "No limits are in force.");
  find("[data-list]", panel).replaceChildren(...thresholds.map(section));
}

function section({ name, mode, scope, limits, ...window }) {
  const trial = mode === "Shadow";
  return el(
    "section",
    { class: "limits" },
    el("h3", {}, name, trial ? el("span", { class: "chip quiet" }, "Trial") : null),
    el("p", { class: "hint" }, `For ${scope}${trial ? "; it is counted and decides nothing" : ""}.`, ...times(window)),
    el("ul", {}, ...limits.map((limit) => el("li", {}, limit))),
  );
}

function times({ effective_from: from, effective_until: until }) {
  const words = { From: from, Until: until };
  const said = Object.entries(words).filter(([, moment]) => moment);
  return said.map(([word, moment]) => el("span", {}, ` ${word} `, timeElement(moment), "."));
}
