/*
 * Owns the ways out of the console: a Grafana dashboard in a frame and the page of a trace, where
 * they are configured.
 */
import { el, find } from "./dom.js";

const OVERVIEW = "d/kurs-payments";
const RANGE = { from: "now-30m", to: "now" };

/** Shows the metrics panel when there is one; gives traceUrl(traceId) -> address or null. */
export function showLinks(panel, config) {
  const grafana = web(config.grafana_url);
  if (grafana) {
    const sandbox = "allow-scripts allow-same-origin";
    const frame = { src: dashboard(grafana, { kiosk: "", theme: theme() }), title: "Grafana panel", loading: "lazy", sandbox };
    const iframe = el("iframe", { ...frame, referrerpolicy: "no-referrer" });
    find("[data-frame]", panel).replaceChildren(iframe);
    find("a", panel).href = dashboard(grafana);
    panel.hidden = false;
    find("#to-metrics").hidden = false;
  }
  return { traceUrl: (id) => traceUrl(config.tempo_url, id) ?? exploreUrl(grafana, id) };
}

/** The overview, unless the address already names a dashboard; what it says itself stands. */
function dashboard(grafana, more = {}) {
  const address = below(grafana, OVERVIEW);
  for (const [name, value] of Object.entries({ ...RANGE, ...more })) {
    if (!address.searchParams.has(name)) address.searchParams.set(name, value);
  }
  return address.href;
}

function below(grafana, path) {
  const address = new URL(grafana);
  if (!address.pathname.includes("/d/")) {
    address.pathname = `${address.pathname.replace(/\/$/, "")}/${path}`;
  }
  return address;
}

function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

/** The trace in Grafana's Explore, by the datasource `tempo` that our values provision. */
function exploreUrl(grafana, id) {
  if (!grafana) return null;
  const base = grafana.split("/d/")[0].split("?")[0].replace(/\/$/, "");
  const datasource = { type: "tempo", uid: "tempo" };
  const queries = [{ refId: "A", datasource, queryType: "traceql", query: id }];
  const panes = { trace: { datasource: "tempo", queries, range: { from: "now-24h", to: "now" } } };
  const search = new URLSearchParams({ schemaVersion: "1", panes: JSON.stringify(panes) });
  return `${base}/explore?${search}`;
}

/** `{trace_id}` in the configured address is replaced; without it the trace is a path below. */
function traceUrl(text, id) {
  if (!text) return null;
  const trace = encodeURIComponent(id);
  if (text.includes("{trace_id}")) return web(text.replace("{trace_id}", trace));
  return web(`${text.replace(/\/$/, "")}/trace/${trace}`);
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
