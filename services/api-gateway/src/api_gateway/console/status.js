/* Owns how a payment's status looks: a word and a tone; colour is never the only sign. */
import { el, setClass, setText } from "./dom.js";

const STATUSES = {
  RECEIVED: ["Processing", "quiet"],
  PROCESSING: ["Processing", "quiet"],
  REVIEW: ["In review", "warn"],
  AUTHORIZED: ["Authorized", "info"],
  CAPTURED: ["Captured", "good"],
  PARTIALLY_REFUNDED: ["Part refunded", "info"],
  REFUNDED: ["Refunded", "info"],
  VOIDED: ["Voided", "quiet"],
  EXPIRED: ["Expired", "quiet"],
  FAILED: ["Failed", "bad"],
};

/** Statuses that a filter offers, in the order of a payment's life. */
export const FILTERS = Object.keys(STATUSES).filter((name) => name !== "PROCESSING");

export function label(status) {
  return STATUSES[status]?.[0] ?? status;
}

export function chip(status) {
  const node = el("span");
  setChip(node, status);
  return node;
}

export function setChip(node, status) {
  setText(node, label(status));
  setClass(node, `chip ${STATUSES[status]?.[1] ?? "quiet"}`);
}

/** True when it came to nothing: no money moved, and none will. */
export function isVain(status) {
  return status === "FAILED" || status === "VOIDED" || status === "EXPIRED";
}

/** True while money is held for it, or is not yet. */
export function isOpen(status) {
  return isRunning(status) || status === "REVIEW" || status === "AUTHORIZED";
}

/** True while the payment's outcome is still open. */
export function isRunning(status) {
  return status === "RECEIVED" || status === "PROCESSING";
}
