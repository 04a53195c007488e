/*
 * Owns the calls to the gateway: the key goes into the Authorization header and nowhere else.
 * Problem documents (RFC 9457) become ApiError; no answer at all becomes Unreachable.
 */
const TIMEOUT_MS = 15_000;

/** For what is read again and again: an answer that is late is no answer. */
export const READ_MS = 3000;

/** A problem document: `fields` are its errors as {field, message, hint}. */
export class ApiError extends Error {
  constructor(status, document, retryAfter) {
    super(document.detail || document.title || `The gateway answered ${status}.`);
    this.status = status;
    this.code = document.code ?? "";
    this.fields = Array.isArray(document.errors) ? document.errors : [];
    this.retryAfter = retryAfter;
  }
}

/** No answer: whether the request was carried out is not known. */
export class Unreachable extends Error {}

export class Api {
  #key;
  #onRefused;

  /** `onRefused` is called when a key that worked is refused later. */
  constructor(key, onRefused = () => {}) {
    this.#key = key;
    this.#onRefused = onRefused;
  }

  /** The body of an answer, which `patience` milliseconds are waited for. */
  async get(path, { signal, patience } = {}) {
    return (await this.request("GET", path, { signal, patience })).data;
  }

  /** {status, data, skew}: skew is the server's clock minus ours in milliseconds. */
  async post(path, body, { headers = {}, signal } = {}) {
    return this.request("POST", path, { body, headers, signal });
  }

  async request(method, path, { body, headers = {}, signal, patience = TIMEOUT_MS } = {}) {
    const response = await this.open(method, path, {
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: withTimeout(signal, patience),
    });
    const data = await readJson(response);
    if (!isResource(response)) throw this.problem(response, data);
    return { status: response.status, data, skew: clockSkew(response) };
  }

  /** The raw response, whatever its status; for the stream. */
  async open(method, path, { headers = {}, body, signal }) {
    const all = { Accept: "application/json", ...headers, Authorization: `Bearer ${this.#key}` };
    const options = { method, headers: all, body, signal, cache: "no-store", redirect: "error" };
    try {
      return await fetch(path, { ...options, credentials: "omit" });
    } catch (error) {
      throw error.name === "AbortError" ? error : new Unreachable("The gateway did not answer.");
    }
  }

  problem(response, document) {
    if (response.status === 401) this.#onRefused();
    return new ApiError(response.status, document, response.headers.get("Retry-After"));
  }
}

/** A refused payment is 400 and still the payment, not an error document. */
function isResource(response) {
  const type = response.headers.get("Content-Type") ?? "";
  return response.ok || (response.status === 400 && type.startsWith("application/json"));
}

async function readJson(response) {
  try {
    return await response.json();
  } catch (error) {
    if (response.ok) throw new Unreachable("The gateway's answer broke off.", { cause: error });
    return {};
  }
}

function clockSkew(response) {
  const server = Date.parse(response.headers.get("Date") ?? "");
  const skew = server - Date.now();
  // The header counts whole seconds and is as old as the answer's way, so little says nothing.
  return Math.abs(skew) > 5000 ? skew : 0;
}

function withTimeout(signal, patience) {
  const timeout = AbortSignal.timeout(patience);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
