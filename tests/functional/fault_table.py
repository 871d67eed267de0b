"""The tables of docs/reliability.md: each test of a fault holds its own row, or writes it."""

import os
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


@dataclass(frozen=True)
class FaultTable:
    """One table of the page, known by its first column. rows: the names of its rows, in their order."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]

    def tell(self, *cells: str) -> None:
        """A row of the page's table is this one; with DRIFTGUARD_WRITE_DOCS it becomes so."""
        row = f"| {' | '.join(cells)} |"
        before, table, after = self.parts()
        there = {line.split("|")[1].strip(): line for line in table[2:]}
        if os.environ.get("DRIFTGUARD_WRITE_DOCS"):
            there[cells[0]] = row
            head = [f"| {' | '.join(self.columns)} |", "|---" * len(self.columns) + "|"]
            lines = [*before, *head, *(there[name] for name in self.rows if name in there), *after]
            PAGE.write_text("\n".join(lines) + "\n")
        else:
            assert there.get(cells[0]) == row, "see docs/reliability.md for the command that writes the table anew"

    def parts(self) -> tuple[list[str], list[str], list[str]]:
        """What comes before the table, its lines, and what comes after it."""
        lines = PAGE.read_text().splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith(f"| {self.columns[0]} |"))
        end = next(number for number in range(start, len(lines)) if not lines[number].startswith("|"))
        return lines[:start], lines[start:end], lines[end:]
