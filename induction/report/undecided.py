"""On which side of its bound each value lies, where the seeds are too few to decide anything."""

from dataclasses import dataclass

from induction.report.formatting import listed
from induction.report.rows import Rows
from induction.report.wording import counted


@dataclass(frozen=True)
class Undecided:
    """Claims and controls whose whole interval lies on the side of the bound that they claim, on
    the other side, and on both; where a value has no interval, it counts itself. `valueless` have
    no value. `seeds` are those of this study, `asked` the fewest that a rule asks for."""

    seeds: int
    asked: int
    agreeing: Rows
    opposing: Rows
    between: Rows
    valueless: Rows

    @property
    def why(self) -> str:
        seeds = f"{counted(self.seeds)} seed{'s' * (self.seeds != 1)}"
        return f"With {seeds} nothing is decided, because the rules ask for {self.asked}."

    @property
    def counts(self) -> str:
        """How many claims and controls lie where."""
        return " ".join(filter(None, (self._of("claim"), self._of("control"))))

    def _of(self, kind: str) -> str:
        agreeing, opposing, between, valueless = (
            sum(row["kind"] == kind for row in rows)
            for rows in (self.agreeing, self.opposing, self.between, self.valueless)
        )
        asked = agreeing + opposing + between + valueless
        if not asked:
            return ""
        have = "has its" if agreeing == 1 else "have their"
        parts = [f"{agreeing} {have} whole interval on the {kind}'s side of the bound"]
        parts += [f"{opposing} on the other side"] * (opposing > 0)
        parts += [f"{between} on both"] * (between > 0)
        parts += [f"{valueless} {'has' if valueless == 1 else 'have'} no value"] * (valueless > 0)
        return f"Of the {asked} {kind}s that can be asked, {listed(parts)}."


def undecided(rows: Rows) -> Undecided | None:
    """Of rows of table claims; None where a verdict has been reached, or enough seeds for one, and
    where nothing has a value."""
    asked = [row for row in rows if row["verdict"] != "not tested here"]
    measured = [row for row in asked if row["value"] is not None]
    if not measured or any(row["seeds"] >= row["seeds_asked"] for row in measured):
        return None
    sides = [_sides(row) for row in measured]

    def of(*wanted: bool) -> Rows:
        return [row for row, side in zip(measured, sides, strict=True) if side == {*wanted}]

    return Undecided(
        seeds=max(row["seeds"] for row in measured),
        asked=min(row["seeds_asked"] for row in measured),
        agreeing=of(True),
        opposing=of(False),
        between=of(True, False),
        valueless=[row for row in asked if row["value"] is None],
    )


def _sides(row: dict) -> set[bool]:
    """Whether the claim holds at the ends of the interval, or at a value without one."""
    ends = [row["value"]] if row["low"] is None else [row["low"], row["high"]]
    above = row["side"] == "at least"
    return {end >= row["bound"] if above else end <= row["bound"] for end in ends}
