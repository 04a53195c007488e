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
