/* Owns signing in: the key lives in sessionStorage of this tab, never in an address or a cookie. */
import { Api, ApiError } from "./api.js";
import { forget } from "./attempt.js";
import { find, setText } from "./dom.js";

const STORED = "kurs.key";
const NOTICE = "kurs.notice";
const REFUSED = "The key was refused. It may be mistyped, revoked or of another environment.";

/** Resolves with a key that the gateway accepts. */
export async function signIn(page) {
  const stored = sessionStorage.getItem(STORED);
  if (stored) return stored;
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
      const problem = key ? await check(key) : "Enter a key.";
      input.setAttribute("aria-invalid", String(Boolean(problem)));
      setText(alert, problem);
      if (problem) return input.select();
      forget();
      sessionStorage.setItem(STORED, key);
      page.hidden = true;
      input.value = "";
      resolve(key);
    });
  });
}

/** Starts over; a reload leaves nothing of the session in memory. */
export function signOut(notice = "") {
  sessionStorage.removeItem(STORED);
  if (notice) sessionStorage.setItem(NOTICE, notice);
  else forget();
  location.reload();
}

/** What is wrong with the key, or "" when the gateway knows it. */
async function check(key) {
  try {
    await new Api(key).get("/rates");
    return "";
  } catch (error) {
    if (!(error instanceof ApiError)) return error.message || "The gateway did not answer.";
    if (error.status === 401) return REFUSED;
    if (error.code === "role_missing") return "The key is known but may not read. It needs the role read.";
    if (error.status === 403) return error.message;
    // Something behind the gateway is unwell; the console is there to show that.
    return "";
  }
}

function takeNotice() {
  const notice = sessionStorage.getItem(NOTICE) ?? "";
  sessionStorage.removeItem(NOTICE);
  return notice;
}
