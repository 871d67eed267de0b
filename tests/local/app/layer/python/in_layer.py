"""A module that only the layer brings."""
