// Reads a payment file as `loadtest.rows` does: the same rows, or the same line refused for the same reason.
//
// What it knows of payments is `payment_file.json`, which `python -m loadtest.rows` writes. Nothing here is of k6.

const BYTE_ORDER_MARK = "\ufeff";
const UNREADABLE = "\ufffd";
const FIELD = /"((?:[^"]|"")*)"|([^",]*)/y;
const AMOUNT = /^([0-9]{1,19})(?:\.([0-9]{1,18}))?$/;
const LONG = /^\p{Nd}{20,}(\.\p{Nd}+)?$/u;
const BLANK = /^[ \t]*$/;
const MOST_MINOR = "9223372036854775807";

const wrong = (number, what) => new Error(`line ${number}: ${what}`);

// Returns the fields of a line, null when its quotes make no sense.
function split(line) {
  const fields = [];
  let at = 0;
  for (;;) {
    FIELD.lastIndex = at;
    const [whole, quoted, plain] = FIELD.exec(line);
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    at += whole.length;
    if (at === line.length) return fields;
    if (line[at] !== ",") return null;
    at += 1;
  }
}

function checkHeader(line, header) {
  const fields = split(line);
  if (fields !== null && fields.join() === header.join()) return;
  for (const [name, separator] of [["semicolons", ";"], ["tabs", "\t"]]) {
    if (line.includes(separator)) {
      throw wrong(1, `its fields are separated by ${name}; save the file with commas`);
    }
  }
  throw wrong(1, `the header must be ${header.join()}`);
}

// Returns the code of what is wrong with an amount, undefined when nothing is.
function amountFault(amount, decimals) {
  const [, whole, fraction] = AMOUNT.exec(amount) || [];
  if (whole === undefined) {
    if (amount.startsWith("-") && AMOUNT.test(amount.slice(1))) return "amount_not_positive";
    return LONG.test(amount) ? "amount_too_large" : "amount_malformed";
  }
  const written = (fraction || "").replace(/0+$/, "");
  if (written.length > decimals) return "amount_too_precise";
  const minor = (whole + written.padEnd(decimals, "0")).replace(/^0+/, "");
  if (minor === "") return "amount_not_positive";
  const { length } = MOST_MINOR;
  if (minor.length > length || (minor.length === length && minor > MOST_MINOR)) return "amount_too_large";
  return undefined;
}

function check(number, row, known) {
  const { payment_id, currency, amount } = row;
  if (!new RegExp(known.payment_id).test(payment_id) || known.reserved_payment_ids.includes(payment_id)) {
    throw wrong(number, `payment_id ${payment_id} is no id of a payment`);
  }
  if (!Object.hasOwn(known.decimals, currency)) {
    throw wrong(number, `currency ${currency} is no currency that can be paid in`);
  }
  const fault = amountFault(amount, known.decimals[currency]);
  if (fault) throw wrong(number, `amount ${amount} ${known.wrong_amounts[fault]}`);
  for (const name of ["source_account", "destination_account"]) {
    if (!new RegExp(known.account).test(row[name])) {
      throw wrong(number, `${name} ${row[name]} is no name of an account`);
    }
  }
}

function rowOf(number, line, known) {
  if (line.includes(UNREADABLE)) throw wrong(number, "it is no UTF-8 text");
  const fields = split(line);
  if (fields === null) throw wrong(number, "a quote stands within a field, or is not closed on its line");
  if (fields.length !== known.header.length || fields.includes("")) {
    throw wrong(number, `${known.header.length} non-empty fields are needed`);
  }
  const row = Object.fromEntries(known.header.map((name, index) => [name, fields[index]]));
  check(number, row, known);
  return row;
}

// Returns the rows of a payment file's text; throws an Error that names the line and what is wrong.
export function readRows(text, known) {
  const content = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  const [header, ...lines] = content.split(/\r\n|\n|\r/);
  checkHeader(header, known.header);
  const seen = new Set();
  const rows = [];
  lines.forEach((line, index) => {
    if (BLANK.test(line)) return;
    const number = index + 2;
    const row = rowOf(number, line, known);
    if (seen.has(row.payment_id)) throw wrong(number, `payment ${row.payment_id} occurs twice`);
    if (seen.size === known.max_rows) throw wrong(number, `more than ${known.max_rows} payments; split the file`);
    seen.add(row.payment_id);
    rows.push(row);
  });
  return rows;
}
