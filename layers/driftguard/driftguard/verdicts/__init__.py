"""Verdicts: a window against its baseline, decided by a model's settings."""

from driftguard.verdicts.judging import Verdict, judge, severity_of

__all__ = ["Verdict", "judge", "severity_of"]
