/*
 * Owns amounts and rates as people read them. An amount is a decimal string from the server and
 * stays one: Intl formats the string exactly, and sums are made in BigInt minor units.
 */
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
const LOCALE = "en";
const RATE_DIGITS = 8;
const SMALL = 0.01;
const formats = new Map();

/** "1234.50" as "1,234.50", with the decimals that the server sent: the currency's exponent. */
export function formatAmount(text) {
  const parts = DECIMAL.exec(text ?? "");
  if (!parts) return text ?? "";
  return decimals((parts[3] ?? "").length).format(text);
}

/** "1,234.50 USD", joined by a no-break space. */
export function money(text, currency) {
  return text === null || text === undefined ? "" : `${formatAmount(text)}\u00a0${currency}`;
}

/** A rate with at most eight significant digits, grouped; the exact text belongs in a tooltip. */
export function formatRate(text) {
  if (!DECIMAL.test(text ?? "")) return text ?? "";
  return format("rate", { maximumSignificantDigits: RATE_DIGITS }).format(text);
}

/** "1 USD = 16,250.12 IDR"; the other way round where a number is too small to be read. */
export function rateWords(rate, currency, other) {
  const value = Number(rate);
  if (!(value > 0) || value >= SMALL) return `1 ${currency} = ${formatRate(rate)} ${other}`;
  const digits = { maximumSignificantDigits: RATE_DIGITS };
  return `1 ${other} = ${format("rate", digits).format(1 / value)} ${currency}`;
}

/** Basis points as percent: 45 is "0.45 %". */
export function formatSpread(basisPoints) {
  return `${format("spread", { maximumFractionDigits: 4 }).format(basisPoints / 100)}\u00a0%`;
}

export function formatCount(count) {
  return format("count", { maximumFractionDigits: 0 }).format(count);
}

export function isZero(text) {
  return /^-?0+(\.0+)?$/.test(text ?? "");
}

/** left - right as a decimal string; both of one currency. */
export function subtract(left, right) {
  const places = Math.max(fraction(left).length, fraction(right).length);
  const result = minor(left, places) - minor(right, places);
  const digits = String(result < 0n ? -result : result).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const sign = result < 0n ? "-" : "";
  return places ? `${sign}${whole}.${digits.slice(-places)}` : `${sign}${whole}`;
}

/** total x part / whole as a decimal string with the decimals of `total`, rounded down. */
export function share(total, part, whole) {
  const places = Math.max(fraction(part).length, fraction(whole).length);
  const digits = fraction(total).length;
  const of = minor(whole, places);
  if (of === 0n) return total;
  const result = String((minor(total, digits) * minor(part, places)) / of).padStart(digits + 1, "0");
  return digits ? `${result.slice(0, -digits)}.${result.slice(-digits)}` : result;
}

/**
 * What is wrong with a typed amount, or "" when it can be sent. `places` are the currency's decimals
 * by the server's table; without them only what is no amount in any currency is refused.
 */
export function amountProblem(text, currency, places) {
  if (!text) return "Enter an amount.";
  if (!/^\d+(\.\d+)?$/.test(text)) return "Digits with a point for decimals, for example 188.52.";
  if (isZero(text)) return "The amount must be above zero.";
  const written = fraction(text).replace(/0+$/, "").length;
  if (places !== undefined && written > places) return `${currency} has ${places} decimals at most.`;
  return "";
}

/** A typed amount with all of the currency's decimals: "10" and "10.00" are one sum. */
export function inFull(text, places) {
  if (places === undefined || !/^\d+(\.\d+)?$/.test(text)) return text;
  const written = fraction(text).replace(/0+$/, "").padEnd(places, "0");
  const whole = text.split(".")[0].replace(/^0+(?=\d)/, "");
  return written ? `${whole}.${written}` : whole;
}

function fraction(text) {
  return text.split(".")[1] ?? "";
}

function minor(text, places) {
  const [whole, part = ""] = text.split(".");
  return BigInt(whole + part.padEnd(places, "0"));
}

function decimals(places) {
  const options = { minimumFractionDigits: places, maximumFractionDigits: places };
  return format(`d${places}`, options);
}

function format(name, options) {
  if (!formats.has(name)) formats.set(name, new Intl.NumberFormat(LOCALE, options));
  return formats.get(name);
}
