"""The payment flow: intents, outcomes, events and the sweeper."""
