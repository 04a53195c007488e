/*
 * Sends what the forms of the API page say, and shows what was answered. The key is the one that the
 * console of this tab is signed in with; it goes into the Authorization header and nowhere else.
 */
const STORED = "kurs.key";
const TIMEOUT_MS = 15_000;
const SAID = ["idempotent-replayed", "location", "retry-after", "traceresponse"];

const key = document.querySelector("#key");
key.value = sessionStorage.getItem(STORED) ?? "";
key.addEventListener("input", () => {
  const typed = key.value.trim();
  if (typed) sessionStorage.setItem(STORED, typed);
  else sessionStorage.removeItem(STORED);
});
key.form.addEventListener("submit", (event) => event.preventDefault());
for (const part of document.querySelectorAll("[data-script]")) part.hidden = false;
for (const form of document.querySelectorAll("form[data-path]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

async function send(form) {
  const button = form.querySelector("button");
  // A second press while the first is under way asks for nothing.
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  const output = form.querySelector("output");
  const answer = form.querySelector(".answer");
  output.textContent = "Asking";
  answer.textContent = "";
  const began = performance.now();
  try {
    const response = await fetch(...request(form));
    const text = await read(response);
    output.textContent = `${response.status} in ${Math.round(performance.now() - began)} ms`;
    answer.textContent = text;
  } catch {
    output.textContent = "The gateway did not answer, or the body is no JSON.";
  }
  button.removeAttribute("aria-disabled");
}

/** The arguments of `fetch` that a form stands for. */
function request(form) {
  const { method, path } = form.dataset;
  const headers = { Accept: "application/json", Authorization: `Bearer ${key.value.trim()}` };
  const query = new URLSearchParams();
  let address = path;
  for (const { name, value, dataset } of form.querySelectorAll("input")) {
    if (dataset.in === "path") address = address.replace(`{${name}}`, encodeURIComponent(value));
    else if (value && dataset.in === "query") query.append(name, value);
    else if (value) headers[name] = value;
  }
  const body = form.elements.body ? JSON.stringify(JSON.parse(form.elements.body.value)) : undefined;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return [query.size ? `${address}?${query}` : address, { method, headers, body, signal, credentials: "omit", cache: "no-store" }];
}

/** The headers that say something, and the body; of a stream what comes first. */
async function read(response) {
  const said = SAID.filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
  const streams = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
  const body = streams ? await first(response) : shaped(await response.text());
  return [...said, ...(said.length ? [""] : []), body].join("\n");
}

async function first(response) {
  const reader = response.body.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value ?? new Uint8Array());
}

function shaped(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
