"""The benchmark: the gateway as five processes against a naive chain, in the same run."""
