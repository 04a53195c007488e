/* Owns the footer: which configuration of rates and of limits is in force, and who edited it last. */
import { find, setText } from "./dom.js";
import { poll } from "./poll.js";
import { timeElement } from "./time.js";

const SECONDS = 5;

/** Shows the revision of `{config_revision, last_edit}` in a line of the footer. */
export function showRevision(line, { config_revision: revision, last_edit: edit }) {
  setText(find("code", line), revision ?? "none");
  const told = edit ? [`, last edit by ${edit.by} (${edit.source}), `, timeElement(edit.at)] : [];
  find("[data-edit]", line).replaceChildren(...told);
}

/** Follows the limits, which only a key with the role audit may ask for: without one the line stays away. */
export function followLimits(line, api, signal) {
  const read = async () => {
    try {
      showRevision(line, await api.get("/thresholds", { signal }));
      line.hidden = false;
    } catch (error) {
      return error.status !== 403;
    }
    return true;
  };
  poll(read, SECONDS, signal);
}
