"""DriftGuard: watches machine-learning models in production for drift."""
