"""What `kubectl explain` says of each field. A test demands a text for every field of a spec."""

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "FXRateSource": "Where exchange rates come from, what may be quoted, and until when.",
    "RiskThreshold": "From where on a payment is reviewed or declined.",
}

FIELDS: Mapping[str, str] = {
    "FXRateSourceSpec.type": "Which one of static, http and simulated is present; it stays.",
    "FXRateSourceSpec.baseCurrency": "ISO 4217 code; rates are units of the quote for one of it.",
    "FXRateSourceSpec.static": "Rates that stand in this resource.",
    "FXRateSourceSpec.http": "Rates that are fetched.",
    "FXRateSourceSpec.simulated": "A seeded random walk; not for real money.",
    "FXRateSourceSpec.pairs": "Quotes with a spread of their own.",
    "FXRateSourceSpec.defaultSpreadBps": "Spread of every other quote that the source publishes, "
    "in hundredths of a percent; absent, only pairs are served.",
    "FXRateSourceSpec.refreshInterval": 'How often the source is asked: "30s", "5m", "1h30m".',
    "FXRateSourceSpec.maxAge": "From which age a rate is stale; at least refreshInterval.",
    "FXRateSourceSpec.maxDeviationBps": "Refuses a rate that jumps by more than this against the "
    "last good one; absent, any jump is taken.",
    "FXRateSourceSpec.maxDeviationFromNextBps": "A mid further than this from the next source's is "
    "not sold; 500 when absent, more by a changeTicket.",
    "FXRateSourceSpec.changeTicket": "Names the approval of the last loosening: of maxAge, "
    "maxDeviationBps, maxDeviationFromNextBps, onStale, allowInsecure, of how rates are dated or "
    "their base is checked; or to be asked before a source that is held to more, or that was asked "
    "before this one. A new one is needed each time.",
    "FXRateSourceSpec.onStale": "What happens without a fresh rate: ask the next source, refuse "
    "the payment, or use the last known rate.",
    "FXRateSourceSpec.priority": "The highest is asked first.",
    "FXRateSourceSpec.suspend": "Takes the source out of use.",
    "FXRateSourceSpec.effectiveFrom": "Comes into force at this moment, by itself.",
    "FXRateSourceSpec.effectiveUntil": "Is out of force from this moment on, by itself.",
    "FXRateSourceSpec.allowInsecure": "Allows an http:// address; for tests.",
    "StaticRates.rates": "Decimal strings by quote currency.",
    "StaticRates.asOf": "When the rates were true; absent, they are held to be true now.",
    "HttpRates.url": "Absolute address, without credentials; ${secret} in its query stands for the "
    "value of secretRef.",
    "HttpRates.format": "ECB: the daily XML of the European Central Bank. JSON: read by ratesPath.",
    "HttpRates.ratesPath": "JMESPath to an object of quote to rate; with {quote} and {base} in it, "
    "to the rate of one pair.",
    "HttpRates.asOfPath": "JMESPath to when the rates were true: a date, a moment with an "
    "offset, or a Unix time; with {quote} in it, of one pair. Absent, rates are held to be of the "
    "moment of the fetch, however old the provider's are.",
    "HttpRates.basePath": "JMESPath to the currency that the answer is about; another than "
    "baseCurrency is refused. Without it only the base's own rate tells, which must be 1.",
    "HttpRates.timeoutSeconds": "How long an answer may take.",
    "HttpRates.secretRef": "The Secret's key whose value is sent as header or in the query; it is "
    "mounted into the pods of fx, goes to the hosts that its operator named for it, and appears in "
    "no status and no log.",
    "HttpRates.header": "Header that carries the secret; Authorization when absent.",
    "SecretKey.name": "Name of the Secret.",
    "SecretKey.key": "Key within the Secret.",
    "SimulatedRates.rates": "Mids to walk around, decimal strings by quote currency.",
    "SimulatedRates.seed": "The same seed gives the same walk on every replica.",
    "SimulatedRates.volatilityBps": "About how far one step goes, in hundredths of a percent.",
    "SimulatedRates.stepSeconds": "Seconds between steps.",
    "Pair.quote": "ISO 4217 code of the quote currency.",
    "Pair.spreadBps": "Spread in hundredths of a percent.",
    "Pair.maxAge": "A maxAge for this pair alone.",
    "RiskThresholdSpec.mode": "Enforce decides; Shadow is evaluated and counted, and decides "
    "nothing.",
    "RiskThresholdSpec.scope": "The payments that it judges; empty, all of them.",
    "RiskThresholdSpec.priority": "Of two that state the same limit for the same scope, the "
    "higher is in force.",
    "RiskThresholdSpec.perPayment": "Bounds of one payment.",
    "RiskThresholdSpec.velocity": "Bounds of what one account pays within a sliding window.",
    "RiskThresholdSpec.exposure": "Bound of what one merchant holds open across currencies.",
    "RiskThresholdSpec.newAccount": "Points for payments from young accounts.",
    "RiskThresholdSpec.blocklist": "Accounts that neither pay nor are paid.",
    "RiskThresholdSpec.score": "From which score a payment is reviewed, and from which declined.",
    "RiskThresholdSpec.onMissingData": "Decides when a limit cannot be evaluated, for want of a "
    "rate.",
    "RiskThresholdSpec.effectiveFrom": "Comes into force at this moment, by itself.",
    "RiskThresholdSpec.effectiveUntil": "Is out of force from this moment on, by itself.",
    "RiskThresholdSpec.changeTicket": "Names the approval of the last loosening; a new one is "
    "needed to more than double a limit that declines or reviews, to count it in another currency, "
    "to remove it, and to loosen scores, points or onMissingData or to take an account from a "
    "blocklist.",
    "RiskThresholdSpec.suspend": "Takes the threshold out of use.",
    "Scope.currencies": "Currencies paid in.",
    "Scope.corridors": "Ways of money.",
    "Corridor.from": "Currency paid in.",
    "Corridor.to": "Currency received.",
    "PerPayment.currency": "Reference currency of the bounds.",
    "PerPayment.reviewAboveMinor": "Minor units above which a payment is reviewed.",
    "PerPayment.declineAboveMinor": "Minor units above which a payment is declined.",
    "Velocity.name": "Name of the rule; it stands on decisions.",
    "Velocity.window": 'Length of the sliding window, "1s" to "744h".',
    "Velocity.maxCount": "How many payments it may hold.",
    "Velocity.maxAmountMinor": "How much they may be worth, in minor units.",
    "Velocity.currency": "What maxAmountMinor counts in; perPayment.currency when absent.",
    "Velocity.action": "What happens to a payment beyond it.",
    "Exposure.currency": "What maxMinor counts in, the reference currency.",
    "Exposure.maxMinor": "A payment whose merchant would hold more than this open is declined.",
    "NewAccount.maxAge": "Accounts younger than this are new.",
    "NewAccount.points": "What is added to the score.",
    "Blocklist.accounts": "merchant/account, or a name alone: that account of every merchant.",
    "Score.review": "Score from which a payment is reviewed.",
    "Score.decline": "Score from which a payment is declined.",
}
