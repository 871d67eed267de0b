"""Benchmarks: what a check costs beside other tools (`speed`), how often it cries wolf (`alarms`), at once (`load`)."""
