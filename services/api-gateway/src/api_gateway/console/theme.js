/*
 * Owns the colour scheme. A classic script in <head>: it runs before the first paint, so that a
 * chosen scheme never flashes the other one.
 */
(() => {
  "use strict";
  const STORED = "kurs.theme";
  const root = document.documentElement;

  function stored() {
    try {
      return localStorage.getItem(STORED);
    } catch {
      return null;
    }
  }

  function remember(theme) {
    try {
      localStorage.setItem(STORED, theme);
    } catch {
      // A browser without storage still gets the scheme for this page.
    }
  }

  function current() {
    const chosen = root.dataset.theme;
    if (chosen) return chosen;
    return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }

  function label(button) {
    const other = current() === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to the ${other} theme`);
    button.title = `Switch to the ${other} theme`;
  }

  const theme = stored();
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;

  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      label(button);
      button.addEventListener("click", () => {
        const next = current() === "dark" ? "light" : "dark";
        root.dataset.theme = next;
        remember(next);
        document.querySelectorAll("[data-theme-toggle]").forEach(label);
      });
    }
  });
})();
