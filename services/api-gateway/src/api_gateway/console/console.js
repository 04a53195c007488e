/* Owns the whole: signs in, then joins the parts of the page to one stream and one set of calls. */
import { Accounts } from "./accounts.js";
import { Address } from "./address.js";
import { Api } from "./api.js";
import { readConfiguration } from "./configuration.js";
import { Confirmation, ignoreHeldKeys } from "./confirm.js";
import { Currencies } from "./currencies.js";
import { Destination } from "./destination.js";
import { Destinations } from "./destinations.js";
import { Details } from "./details.js";
import { find, setClass, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { Figures } from "./figures.js";
import { Ledger } from "./ledger.js";
import { followLimits } from "./limits.js";
import { showLinks } from "./links.js";
import { Pay } from "./pay.js";
import { suggestAccounts } from "./payform.js";
import { followPulse } from "./pulse.js";
import { Rates } from "./rates.js";
import { Reviews } from "./reviews.js";
import { showRevision } from "./revisions.js";
import { signIn, signOut } from "./signin.js";
import { Stream } from "./stream.js";
import { Throughput } from "./throughput.js";
import { Who } from "./who.js";

async function start() {
  const { key, who: answer } = await signIn(find("#sign-in"));
  const aborting = new AbortController();
  const { signal } = aborting;
  const onRefused = () => {
    aborting.abort();
    signOut("The key is no longer accepted. Sign in again.");
  };
  const api = new Api(key, onRefused);
  const who = new Who(answer);
  const currencies = new Currencies();
  const confirmation = new Confirmation(find("#confirm"));
  const session = { api, who, currencies, signal, confirmation, address: new Address() };
  ignoreHeldKeys();
  await currencies.load(api, signal).catch(() => {});
  find("#sign-out").addEventListener("click", () => signOut());
  find("#console").hidden = false;
  who.show(find("#who"));
  const feed = new Feed();
  const stream = await join(session, feed);
  feed.start(key, { api, signal, onOpen: () => stream.load(), onRefused });
}

async function join(session, feed) {
  const { api, who, signal } = session;
  const configuration = await readConfiguration();
  const links = showLinks(find("#metrics"), configuration);
  const onOpen = (paymentId) => session.address.set({ payment: paymentId });
  const account = new Accounts(find("#account"), session, { feed, onPayment: onOpen });
  const onAccount = (id) => showAccount(account, id);
  new Details(find("#details"), session, { feed, links: { ...links, onAccount } });
  const failures = configuration.failure_codes ?? [];
  const stream = new Stream(find("#payments"), { ...session, failures }, { feed, onOpen });
  new Reviews(find("#reviews"), session, { feed, onOpen });
  const destination = new Destination(find("#destination"), session);
  new Destinations(find("#webhooks"), session, {
    onOpen: (name) => session.address.set({ destination: name }),
    onTold: (all) => destination.told(all),
  });
  if (who.may("pay")) new Pay(find("#pay"), session, { onOpen });
  new Throughput({
    rate: find("#tile-rate"),
    ended: find("#tile-minute"),
    announce: find("#announce"),
    feed,
    signal,
  });
  if (who.may("audit")) {
    new Ledger(find("#ledger"), { api, signal, tile: find("#tile-ledger") });
    followLimits(find("#limits"), api, signal);
  }
  new Figures(find("#figures"), session);
  new Rates(find("#rates"), { api, signal, onRates: showRates });
  suggestAccounts(find("#known-accounts"), feed);
  listenFind(onOpen);
  const panel = find("#payments");
  followPulse({ pill: find("#connection"), panel, place: find("[data-read]", panel) }, feed, signal);
  return stream;
}

function showRates({ stale, pairs, configuration, problem }) {
  const tile = find("#tile-rates");
  const value = problem ? "Not known" : stale ? `${stale} stale` : "Fresh";
  setText(find("[data-value]", tile), value);
  setClass(find("[data-value]", tile), `figure ${problem ? "quiet" : stale ? "bad" : "good"}-text`);
  setText(find("[data-note]", tile), problem ?? `${pairs} pairs`);
  if (problem) return;
  showRevision(find("#rates-revision"), configuration);
}

function showAccount(account, id) {
  find("#details").close();
  find("#account").scrollIntoView({ block: "nearest" });
  account.show(id);
  find("#account input").focus();
}

function listenFind(onOpen) {
  const form = find("#find");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const id = form.elements.payment.value.trim();
    if (id) onOpen(id);
  });
}

start();
