"""What all stand on: time, money, texts, ids, settings, the one error shape; no network."""
