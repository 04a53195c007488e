/*
 * Owns files that the gateway makes: read as they come, with what is there so far, then saved. One
 * that is short of lines is saved, too, and that is said.
 */
import { el, setText } from "./dom.js";
import { formatCount } from "./money.js";

const QUOTE = 0x22;
const NEWLINE = 0x0a;

/** Saves what `path` answers under `name`; `place` shows how many lines of how many there are. */
export async function download(api, path, name, place) {
  const response = await api.open("GET", path, { headers: { Accept: "text/csv" } });
  if (!response.ok) throw api.problem(response, await response.json().catch(() => ({})));
  const rows = Number(response.headers.get("X-Kurs-Rows")) || null;
  const bar = el("progress", { "aria-label": "Lines read", max: rows ?? undefined });
  const text = el("span", { class: "hint", role: "status" });
  place.replaceChildren(bar, text);
  let read = 0;
  const pieces = await collect(response.body.getReader(), (lines) => {
    read = lines;
    if (rows) bar.value = Math.min(lines, rows);
    setText(text, rows ? `${formatCount(lines)} of ${formatCount(rows)}` : formatCount(lines));
  });
  save(new Blob(pieces, { type: "text/csv" }), name);
  const short = rows !== null && read < rows;
  const lack = `: it is not whole, ${formatCount(read)} of ${formatCount(rows ?? 0)} lines came. Export it again.`;
  place.replaceChildren(el("span", { class: "hint", role: "status" }, `Saved as ${name}${short ? lack : ""}`));
}

async function collect(reader, onLines) {
  const pieces = [];
  let lines = -1;
  let quoted = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return pieces;
    pieces.push(value);
    for (const byte of value) {
      if (byte === QUOTE) quoted = !quoted;
      else if (byte === NEWLINE && !quoted) lines += 1;
    }
    onLines(Math.max(lines, 0));
  }
}

function save(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
