"""Months of traffic simulated, with and without drift, and what the product's own code makes of them."""
