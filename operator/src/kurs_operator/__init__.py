"""Turns FXRateSource and RiskThreshold resources into service documents."""
