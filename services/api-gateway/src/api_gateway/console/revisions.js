/* Owns the footer: which configuration of rates and of limits is in force, and who edited it last. */
import { READ_MS } from "./api.js";
import { find, setText } from "./dom.js";
import { Freshness } from "./freshness.js";
import { poll } from "./poll.js";
import { timeElement } from "./time.js";

const SECONDS = 2;

/** Shows the revision of `{config_revision, last_edit}` in a line of the footer. */
export function showRevision(line, { config_revision: revision, last_edit: edit }) {
  setText(find("code", line), revision ?? "none");
  const told = edit ? [`, last edit by ${edit.by} (${edit.source}), `, timeElement(edit.at)] : [];
  find("[data-edit]", line).replaceChildren(...told);
}

/** Follows the limits, which only a key with the role audit may ask for. */
export function followLimits(line, api, signal) {
  const freshness = new Freshness(line, find("[data-read]", line), signal);
  const read = async () => {
    showRevision(line, await api.get("/thresholds", { signal, patience: READ_MS }));
  };
  line.hidden = false;
  poll(read, SECONDS, { signal, freshness });
}
