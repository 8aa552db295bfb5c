"""What became of a file's rows: counted for `publish`, and for its dry run."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from tocsin_node.cli.exits import Exit

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import PublishResponse
    from tocsin_signals.rows import RowReject

GUARD: Final = "guard:"
"""Refusals of the never-share guard begin so."""

NAMED_LINES: Final = 5
"""Lines of repeated rows that are named."""

MAX_KEYS: Final = 2_000_000
"""Rows of one file among which repeated ones are looked for: some 130 MB; rows beyond are not compared."""


class Counts(Protocol):
    """Takes in answers, and says in the end what they came to."""

    refusals: "Refusals"
    """Rows that were refused, by reason."""

    def count(self, response: "PublishResponse", rejects: "Iterable[RowReject]") -> None:
        """Take in one answer and the rows refused with it."""
        ...

    @property
    def done(self) -> int:
        """Rows that need no second look, so far."""
        ...

    def broken_off(self) -> str:
        """What holds of the rows counted when the rest is not."""
        ...

    def plain(self) -> dict[str, object]:
        """For --json."""
        ...

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        ...

    def sentence(self) -> str:
        """What the numbers come to, where a newcomer may wonder; else empty."""
        ...


@dataclass(slots=True)
class Refusals:
    """Rows refused, by reason; rows blocked, by guard rule; what else the guard says of rows."""

    refused: Counter[str] = field(default_factory=Counter[str])
    blocked: Counter[str] = field(default_factory=Counter[str])
    warnings: Counter[str] = field(default_factory=Counter[str])
    overridden: int = 0
    """Rows that the guard blocks and a second person approved."""
    most_users: tuple[int, int] = (0, 0)
    """The most own users one row hits by their recent look-ups, and its line."""

    def count(self, response: "PublishResponse", rejects: "Iterable[RowReject]") -> None:
        """Take in one answer and the rows refused with it."""
        self.warnings.update(warning.rule for warning in response.warnings)
        self.overridden += response.overridden
        self.most_users = max(self.most_users, (response.most_users, response.most_users_line))
        for reject in rejects:
            (self.blocked if reject.reason.startswith(GUARD) else self.refused)[reject.reason] += 1

    @property
    def exit_status(self) -> Exit:
        """By the worst that happened."""
        if self.blocked:
            return Exit.GUARD
        return Exit.FINDINGS if self.refused else Exit.OK

    @property
    def any(self) -> bool:
        """Whether rows were refused or blocked."""
        return bool(self.refused or self.blocked)

    def plain(self) -> dict[str, object]:
        """For --json."""
        return {"refused": dict(self.refused), "blocked": dict(self.blocked), "warnings": dict(self.warnings)}

    def of_node(self) -> dict[str, int]:
        """For --json: what only a node can say."""
        users, line = self.most_users
        return {"overridden": self.overridden, "most_users": users, "most_users_line": line}

    def rows(self) -> list[tuple[str, int]]:
        """For people."""
        counts = [(f"refused: {reason}", count) for reason, count in self.refused.most_common()]
        counts += [(f"blocked by {reason}", count) for reason, count in self.blocked.most_common()]
        counts += [(f"warning: {rule}", count) for rule, count in self.warnings.most_common()]
        counts += [("approved by a second person", self.overridden)] if self.overridden else []
        users, line = self.most_users
        return counts + ([(f"most own users a row hits (line {line})", users)] if users else [])


@dataclass(slots=True)
class Tally:
    """What was published of one file. A Counts."""

    published: int = 0
    revised: int = 0
    unchanged: int = 0
    refusals: Refusals = field(default_factory=Refusals)
    size: int = 0

    @property
    def done(self) -> int:
        """Rows the feed holds now."""
        return self.published + self.revised + self.unchanged

    def count(self, response: "PublishResponse", rejects: "Iterable[RowReject]") -> None:
        """Take in one answer and the rows refused with it."""
        self.published += response.published
        self.revised += response.revised
        self.unchanged += response.unchanged
        self.size = response.size or self.size
        self.refusals.count(response, rejects)

    def broken_off(self) -> str:
        """What holds of the rows counted when the rest is not."""
        return f"{self.done:,} rows are durable; to go on, repeat the command: it doubles nothing"

    def plain(self) -> dict[str, object]:
        """For --json."""
        return {
            "size": self.size,
            "published": self.published,
            "revised": self.revised,
            "unchanged": self.unchanged,
            **self.refusals.plain(),
            **self.refusals.of_node(),
        }

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        counts = [("published", self.published), ("revised", self.revised), ("unchanged", self.unchanged)]
        return [(name, f"{count:,}") for name, count in (*counts, *self.refusals.rows())]

    def sentence(self) -> str:
        """Whether anything is new."""
        if self.published or self.revised or not self.unchanged:
            return ""
        if self.refusals.any:
            return "Nothing new: all other rows are in the feed already and say the same."
        return "Nothing new: every row is in the feed already and says the same."


@dataclass(slots=True)
class Trial:
    """What publishing one file would do. A Counts; with `known` false nobody was asked what the feed holds."""

    known: bool
    fresh: int = 0
    revised: int = 0
    unchanged: int = 0
    changed: int = 0
    repeated: int = 0
    first_repeated: list[int] = field(default_factory=list[int])
    refusals: Refusals = field(default_factory=Refusals)
    keys: set[int] = field(default_factory=set[int])

    @property
    def done(self) -> int:
        """Rows that would be accepted."""
        return self.fresh + self.revised + self.unchanged + self.repeated

    def count(self, response: "PublishResponse", rejects: "Iterable[RowReject]") -> None:
        """Take in one answer and the rows refused with it."""
        from tocsin.v1.node_pb2 import OUTCOME_REVISE, OUTCOME_UNCHANGED

        self.refusals.count(response, rejects)
        for row in response.tried:
            self.changed += row.changed
            if row.key in self.keys:
                self.repeated += 1
                if len(self.first_repeated) < NAMED_LINES:
                    self.first_repeated.append(row.line)
                continue
            if len(self.keys) < MAX_KEYS:
                self.keys.add(row.key)
            self.revised += row.outcome == OUTCOME_REVISE
            self.unchanged += row.outcome == OUTCOME_UNCHANGED
            self.fresh += row.outcome not in (OUTCOME_REVISE, OUTCOME_UNCHANGED)

    def broken_off(self) -> str:
        """What holds of the rows counted when the rest is not."""
        return f"{self.done:,} rows were accepted so far; it was a dry run, nothing is published"

    def plain(self) -> dict[str, object]:
        """For --json."""
        feed = {"new": self.fresh, "revised": self.revised, "unchanged": self.unchanged} if self.known else {}
        return {
            "dry_run": True,
            "accepted": self.done,
            "changed": self.changed,
            **feed,
            "repeated": self.repeated,
            "repeated_lines": self.first_repeated,
            **self.refusals.plain(),
            **(self.refusals.of_node() if self.known else {}),
        }

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        counts = [("accepted", self.done), ("  changed by canonicalisation", self.changed)]
        if self.known:
            counts += [("  new to the feed", self.fresh), ("  would revise what is live", self.revised)]
            counts += [("  unchanged: live already", self.unchanged)]
        counts += [("  repeated within the file", self.repeated), *self.refusals.rows()]
        return [(name, f"{count:,}") for name, count in counts]

    def sentence(self) -> str:
        """That nothing was done, and where rows repeat others."""
        said = "A dry run: nothing was published."
        if not self.known:
            said += " What a feed holds, and what its node forbids or approved, is told with --feed."
        if self.first_repeated:
            more = " ..." if self.repeated > len(self.first_repeated) else ""
            said += f" Rows repeat earlier ones in line {', '.join(map(str, self.first_repeated))}{more}."
        return said
