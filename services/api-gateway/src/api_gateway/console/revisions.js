/* Owns the line that tells which configuration is in force, and who edited it last. */
import { find, setText } from "./dom.js";
import { timeElement } from "./time.js";

/** Shows the revision of `{config_revision, last_edit}` in a line. */
export function showRevision(line, { config_revision: revision, last_edit: edit }) {
  setText(find("code", line), revision ?? "none");
  const told = edit ? [`, last edit by ${edit.by} (${edit.source}), `, timeElement(edit.at)] : [];
  find("[data-edit]", line).replaceChildren(...told);
}
