"""Load on the local stack: many tenants that log at once, and a tick of a thousand checks, one of which must fail."""
