"""What many destinations cost, some of them dead or slow: webhooks alone, between two stand-ins."""
