"""Alarms of DriftGuard and of other tools on the same real data sets: `make evaluate`."""
