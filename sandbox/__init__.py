"""The template's resources in moto, with a stand-in for API Gateway. Tests and benchmarks build on it."""
