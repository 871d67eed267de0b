"""The comparison of files: what the page says of each tool."""

from pathlib import Path

from bench.files.command import OWN, Timing, Tool, section
from bench.files.samples import Sample


def timing(module: str, *, wall: float = 1.0, memory: int = 10**8, problem: str | None = None) -> Timing:
    """What one tool needed."""
    sample = Sample("1,000,000 × 20, parquet", Path("a"), Path("b"), 10**6, 20)
    return Timing(sample, Tool(module, module, Path("python")), wall, wall, memory, 0.001, problem)


def test_the_page_says_whether_the_limits_are_met() -> None:
    """The section has a line for each tool and says whether time and memory stay within the limits."""
    good = section([timing(OWN), timing("evidently", problem="> 400 s")])
    assert "| 1,000,000 × 20, parquet | driftguard | 1.00 | 1.00 | 100 | 0.00100 |" in good
    assert "| 1,000,000 × 20, parquet | evidently | > 400 s |" in good
    assert "in 15 s and 1 GB: met." in good
    assert "**missed**" in section([timing(OWN, wall=16)])
    assert "**missed**" in section([timing(OWN, memory=2 * 10**9)])
    assert "**missed**" in section([timing(OWN, problem="not installed")])
