/* Owns what the gateway tells the console of itself: addresses of others, and words of its API. */

/** `{grafana_url, tempo_url, failure_codes}`; of a gateway that does not answer, nothing. */
export async function readConfiguration() {
  try {
    const response = await fetch("/console/config.json", { cache: "no-store" });
    return response.ok ? await response.json() : {};
  } catch {
    return {};
  }
}
