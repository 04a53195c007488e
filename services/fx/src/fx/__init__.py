"""Exchange rates, conversions and signed quotes."""
