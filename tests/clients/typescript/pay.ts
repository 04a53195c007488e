/* Pays, is refused, refunds and pages with the generated client; prints what it saw. */
import createClient from "openapi-fetch";
import type { components, paths } from "./kurs.js";

declare const process: { env: Record<string, string> };

const client = createClient<paths>({
  baseUrl: process.env["GATEWAY"] ?? "",
  headers: { authorization: `Bearer ${process.env["KEY"]}` },
});
type Payment = components["schemas"]["PaymentAnswer"];
type Code = components["schemas"]["FailureAnswer"]["code"];

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("no answer");
  return value;
}

async function pay(payment_id: string, amount: string) {
  const parties = { source_account: "ann", destination_account: "ben" };
  return client.POST("/payments", { body: { payment_id, amount, currency: "USD", ...parties } });
}

const paid: Payment = must((await pay("ts-1", "10.00")).data);

const { error } = await pay("ts-2", "60.00");
let refused: Code | undefined;
if (error !== undefined && "failure" in error) refused = error.failure?.code;

const unreadable = (await pay("ts-3", "-1")).error;
const wrong = unreadable !== undefined && "errors" in unreadable ? unreadable.errors : undefined;

const refunded = must(
  (
    await client.POST("/payments/{payment_id}/refunds", {
      params: { path: { payment_id: "ts-1" }, header: { "idempotency-key": "ts-r1" } },
      body: { amount: "2.50" },
    })
  ).data,
);

const seen: string[] = [];
let cursor: string | null | undefined;
do {
  const query = { account: "ann", limit: 1, ...(cursor ? { cursor } : {}) };
  const page = must((await client.GET("/payments", { params: { query } })).data);
  seen.push(...page.items.map((payment) => payment.payment_id));
  cursor = page.next_cursor;
} while (cursor);

console.log(
  JSON.stringify({
    paid: paid.status,
    refused,
    wrong: wrong?.[0]?.field,
    refunded: [refunded.status, refunded.payment.refunded_amount],
    seen: seen.filter((name) => name.startsWith("ts-")).sort(),
  }),
);
