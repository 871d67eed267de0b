"""The story of a model that goes stale: real flights of New York, logged, watched and told through the HTTP API."""
