"""Simulates the shipped gateway: months of it, from one seed, with everything going wrong."""
