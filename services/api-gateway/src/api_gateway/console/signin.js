/* Owns signing in: the key lives in sessionStorage of this tab, never in an address or a cookie. */
import { Api, ApiError } from "./api.js";
import { find, setText } from "./dom.js";

const STORED = "kurs.key";
const NOTICE = "kurs.notice";
const REFUSED = "The key was refused. It may be mistyped, revoked or of another environment.";
const NO_READ = "The key is known but may not read. It needs the role read.";
const AGAIN_MS = 2000;

/** Resolves with {key, who} once the gateway accepts a key; `who` is the answer of `GET /whoami`. */
export async function signIn(page) {
  const stored = sessionStorage.getItem(STORED);
  if (stored) return remembered(page, stored);
  page.hidden = false;
  const form = find("form", page);
  const alert = find("[data-alert]", page);
  const input = form.elements.key;
  setText(alert, takeNotice());
  input.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      setText(alert, "");
      const key = input.value.trim();
      const { who, problem } = key ? await check(key) : { problem: "Enter a key." };
      input.setAttribute("aria-invalid", String(Boolean(problem)));
      setText(alert, problem ?? "");
      if (problem) return input.select();
      sessionStorage.setItem(STORED, key);
      page.hidden = true;
      input.value = "";
      resolve({ key, who });
    });
  });
}

/**
 * Starts over; a reload leaves nothing of the session in memory. What was sent and has no known
 * outcome stays in the tab for its merchant's next key.
 */
export function signOut(notice = "") {
  sessionStorage.removeItem(STORED);
  if (notice) sessionStorage.setItem(NOTICE, notice);
  location.reload();
}

/** A key from before a reload: a gateway that does not answer is asked until it does, and it is said. */
async function remembered(page, key) {
  const waiting = find("[data-waiting]");
  for (;;) {
    const { who, problem, refused } = await check(key);
    waiting.hidden = !problem;
    if (who) return { key, who };
    if (refused) {
      signOut(problem);
      return new Promise(() => {});
    }
    setText(waiting, `${problem} Asking again.`);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** {who} of a key that may read, else {problem}, with `refused` when another key is needed. */
async function check(key) {
  try {
    const who = await new Api(key).get("/whoami");
    return who.roles.includes("read") ? { who } : { problem: NO_READ, refused: true };
  } catch (error) {
    if (!(error instanceof ApiError)) return { problem: error.message || "The gateway did not answer." };
    if (error.status === 401) return { problem: REFUSED, refused: true };
    return { problem: error.message, refused: error.status === 403 };
  }
}

function takeNotice() {
  const notice = sessionStorage.getItem(NOTICE) ?? "";
  sessionStorage.removeItem(NOTICE);
  return notice;
}
