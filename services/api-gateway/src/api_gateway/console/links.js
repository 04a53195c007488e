/* Owns the ways out of the console: the Grafana panel and the page of a trace, where configured. */
import { el, find } from "./dom.js";

/** Shows the metrics panel when there is one; gives traceUrl(traceId) -> address or null. */
export async function loadLinks(panel) {
  const config = await read();
  const grafana = web(config.grafana_url);
  if (grafana) {
    const sandbox = "allow-scripts allow-same-origin";
    const frame = { src: grafana, title: "Grafana panel", loading: "lazy", sandbox };
    const iframe = el("iframe", { ...frame, referrerpolicy: "no-referrer" });
    find("[data-frame]", panel).replaceChildren(iframe);
    find("a", panel).href = grafana;
    panel.hidden = false;
    find("#to-metrics").hidden = false;
  }
  return { traceUrl: (id) => traceUrl(config.tempo_url, id) };
}

/** `{trace_id}` in the configured address is replaced; without it the trace is a path below. */
function traceUrl(text, id) {
  if (!text) return null;
  const trace = encodeURIComponent(id);
  if (text.includes("{trace_id}")) return web(text.replace("{trace_id}", trace));
  return web(`${text.replace(/\/$/, "")}/trace/${trace}`);
}

async function read() {
  try {
    const response = await fetch("/console/config.json", { cache: "no-store" });
    return response.ok ? await response.json() : {};
  } catch {
    return {};
  }
}

/** The address when it is one of the web; nothing else may become a link or a frame. */
function web(text) {
  try {
    const address = new URL(text);
    return ["http:", "https:"].includes(address.protocol) ? address.href : null;
  } catch {
    return null;
  }
}
