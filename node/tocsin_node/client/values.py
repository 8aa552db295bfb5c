"""What a client gives and gets: frozen values in the project's own words. Times are ms UTC, 0 for never.

What holds an identifier keeps it out of its `repr`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin_node.policy.effect import Effect


@dataclass(frozen=True, slots=True)
class Query:
    """One identifier to look up or to name; `region` is a hint for types that need one, such as GB.

    `distance`, of a pdq that is looked up: the most bits a near match differs in, 31 if it is None.
    `subject` is the own user a look-up is about, any id: the node hashes it at once, and counts how many of your users
    a signal would hit before you publish it.
    """

    type: str
    value: str = field(repr=False)
    region: str = ""
    distance: int | None = None
    subject: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One identifier to publish, and what is said of it.

    `details` are stance, abuse_types, severity ...; `valid_until` is 0 for the type's own lifetime.
    """

    type: str
    value: str = field(repr=False)
    details: Mapping[str, object]
    region: str = ""
    valid_until: int = 0


@dataclass(frozen=True, slots=True)
class MatchedAssertion:
    """One live signal behind a verdict, and what the node's policy makes of it alone.

    `type` is the expression that matched: `url-prefix` for a look-up of a url. `details` are the publisher's own words.
    `counts_until` is its end or the age that policy allows, whichever comes first. `distance`: of near matches, in how
    many bits it differs from what was asked.
    """

    feed: str
    publisher: str
    signal: int
    type: str
    issued_at: int
    valid_until: int
    details: Mapping[str, object]
    effect: Effect
    rule: str
    caps: tuple[str, ...]
    counts_until: int
    distance: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the node makes of one identifier or tag, and why.

    `reject` is a stable word where the value could not be looked up, and `sentence` says it for people.
    """

    effect: Effect = Effect.IGNORE
    assertions: tuple[MatchedAssertion, ...] = ()
    reasons: tuple[str, ...] = ()
    reject: str = ""
    sentence: str = ""

    @property
    def matched(self) -> bool:
        """Whether any live signal is behind it."""
        return bool(self.assertions)


@dataclass(frozen=True, slots=True)
class RowRefusal:
    """A row that was not published; `row` is its place in what was given, from 0."""

    row: int
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RowWarning:
    """A row that was published although a rule asks to look at it again."""

    row: int
    rule: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a publish is: everything counted is durable or refused."""

    rows: int
    published: int
    revised: int
    unchanged: int
    refused: int


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What became of the rows; everything counted is durable. `size` is the feed's, in entries.

    `signals` has the id of each row's signal in the order of the rows, None where it was refused. A row sent
    again, because the first answer was lost on the way, counts as `unchanged`.
    """

    size: int
    published: int
    revised: int
    unchanged: int
    refused: tuple[RowRefusal, ...]
    warnings: tuple[RowWarning, ...]
    signals: tuple[int | None, ...]
    overridden: int = 0
    """Rows that the guard blocks and a second person approved."""
    most_users: int = 0
    """The most own users that one of the rows would hit, by their recent look-ups."""


@dataclass(frozen=True, slots=True)
class AskedRow:
    """What became of a row that a second person is asked for; `request` is 0 where nobody was, and `reason` says why.

    `row` is its place in what was given, from 0; `rules` is what the request asks to set aside.
    """

    row: int
    request: int
    rules: tuple[str, ...]
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class GuardRequest:
    """A request to publish what the guard blocks; `state` is pending, approved, refused, withdrawn or ended."""

    request: int
    feed: str
    type: str
    value: str = field(repr=False)
    tag: str
    rules: tuple[str, ...]
    users: int
    state: str
    asked_by: str
    asked_reason: str
    asked_at: int
    decided_by: str
    decided_reason: str
    decided_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a withdrawal did: ids taken back now, ids taken back before, and how many were not found."""

    size: int
    withdrawn: tuple[int, ...]
    already: tuple[int, ...]
    not_found: int


@dataclass(frozen=True, slots=True)
class Revised:
    """What a revision did: ids revised now, and those that said so already."""

    size: int
    revised: tuple[int, ...]
    unchanged: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a peer has acknowledged of a feed."""

    peer: str
    feed: str
    size: int
    at: int


@dataclass(frozen=True, slots=True)
class SignalEvent:
    """One entry in the life of a signal: `kind` is assert, revise, retag or withdraw.

    `held_by` are, for own signals, the peers that have acknowledged this entry.
    """

    index: int
    kind: str
    issued_at: int
    valid_until: int
    epoch: int
    details: Mapping[str, object]
    held_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal and its life.

    `state` is live, not yet valid, too old, epoch ended, expired or withdrawn, and `why` says it in a sentence; `caps`
    lowered the effect; `identifier` is there for own ones only.
    """

    feed: str
    publisher: str
    signal: int
    type: str
    tag: str
    state: str
    why: str
    effect: Effect
    rule: str
    caps: tuple[str, ...]
    counts_until: int
    events: tuple[SignalEvent, ...]
    delivered: tuple[Delivered, ...]
    identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """One feed: own ones are open or frozen; followed ones live, behind, silent or stopped, and `why`."""

    origin: str
    publisher: str
    size: int
    state: str
    why: str
    heard_at: int
    community: str
    audience: str
    delivered: tuple[Delivered, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """The node as a whole. `signals` counts rows of its match index; `exchange` is empty where nobody can connect."""

    organisation: str
    fingerprint: str
    software: str
    started_at: int
    exchange: str
    own: tuple[FeedStatus, ...]
    followed: tuple[FeedStatus, ...]
    audit_size: int
    signals: int
    peers_active: int
    peers_paused: int
    card_not_after: int
    warnings: tuple[str, ...]
