/*
 * Owns the building of elements. Text only ever enters the page as text nodes and attributes, so
 * nothing that a payment carries can become markup.
 */
const SVG = "http://www.w3.org/2000/svg";

/** The one element that matches; a missing one is a mistake in the page and throws. */
export function find(selector, root = document) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`no element matches ${selector}`);
  return found;
}

/**
 * An element with attributes and children.
 * `on` holds listeners by event name; an attribute that is null, undefined or false is left out.
 */
export function el(tag, { on = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  node.append(...children);
  return node;
}

/** Writes only what differs: an untouched text node costs no layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Makes `body` hold a row for each item; `build(item)` makes one, `name(item)` tells which it is.
 * What says the same as before stays in its place, and the focus with its row: reading anew is not felt.
 */
export function placeRows(body, items, name, build) {
  const before = new Map([...body.children].map((row) => [row.dataset.row, row]));
  const focused = document.activeElement?.closest("tr");
  const rows = items.map((item) => {
    const [told, key] = [JSON.stringify(item), String(name(item))];
    const there = before.get(key);
    return there && drawn.get(there) === told ? there : draw(item, told, key, build);
  });
  for (const row of before.values()) if (!rows.includes(row)) row.remove();
  rows.forEach((row, at) => body.children[at] === row || body.insertBefore(row, body.children[at] ?? null));
  // Of a focused row that was drawn anew the new one has the focus, of one that is gone the table.
  if (!focused || focused.isConnected || before.get(focused.dataset.row) !== focused) return;
  const again = rows.find((row) => row.dataset.row === focused.dataset.row);
  (again?.querySelector("button") ?? body.closest("[tabindex]"))?.focus();
}

const drawn = new WeakMap();

function draw(item, told, name, build) {
  const row = build(item);
  row.dataset.row = name;
  drawn.set(row, told);
  return row;
}

export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

/** Term and description pairs; empty descriptions are left out. */
export function definitions(pairs) {
  const list = el("dl", { class: "facts" });
  for (const [term, description] of pairs) {
    if (description === null || description === undefined || description === "") continue;
    list.append(el("dt", {}, term), el("dd", {}, description));
  }
  return list;
}

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
}
