"""Benchmarks: what a check costs beside other tools (`speed`), and how often it cries wolf (`alarms`)."""
