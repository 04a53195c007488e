"""Mechanisms that every Kurs service shares."""
