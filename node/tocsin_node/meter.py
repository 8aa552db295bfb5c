"""What a node counts as it happens, for `/metrics`: one registry per node, no globals.

Labels are words of this program only - methods, statuses, effects, reasons - never a peer's or a caller's text, so that
nobody decides how many series there are. What a scrape reads off the state is in `web.gauges`. May be called from any
thread. docs/metrics.md lists every metric.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from tocsin_node.limits import METRIC_REASONS
from tocsin_node.log.writer import Commit
from tocsin_node.policy.effect import Effect

OTHER: Final = "other"
_SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_SIZES: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)


class Meter:
    """Counters and histograms of one node."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._reasons: set[str] = set()
        self._local = self._counter("local_calls", "Calls of own applications.", ("method", "status"))
        self._local_seconds = self._histogram("local_call_seconds", "Duration of their calls.", _SECONDS, ("method",))
        self._exchange = self._counter("exchange_calls", "Calls of peers, when they end.", ("method", "status"))
        self._lookups = self._counter("lookups", "Identifiers and tags looked up.", ("effect",))
        self._rows = self._counter("rows", "Rows that own applications published.", ("outcome",))
        self._refused = self._counter("rows_refused", "Rows refused.", ("reason",))
        self._withdrawn = self._counter("signals_withdrawn", "Own signals taken back.")
        self._operations = self._histogram("commit_operations", "Operations of a group commit.", _SIZES)
        self._entries = self._histogram("commit_entries", "Feed entries of a group commit.", _SIZES)
        self._seconds = self._histogram("commit_seconds", "Duration of a group commit.", _SECONDS)
        self._failures = self._counter("commit_failures", "Group commits that failed; nothing of them happened.")

    def local_call(self, method: str, status: str, seconds: float) -> None:
        """A call of an own application has ended."""
        self._local.labels(method, status).inc()
        self._local_seconds.labels(method).observe(seconds)

    def exchange_call(self, method: str, status: str) -> None:
        """A peer's call has ended."""
        self._exchange.labels(method, status).inc()

    def looked_up(self, items: int, effects: Sequence[Effect]) -> None:
        """A request asked about `items`; `effects` are of those that matched."""
        for effect in effects:
            self._lookups.labels(str(effect)).inc()
        self._lookups.labels("none").inc(items - len(effects))

    def published(self, *, published: int, revised: int, unchanged: int, refused: Iterable[str]) -> None:
        """A chunk of rows was answered; `refused` are the reasons."""
        for outcome, count in (("published", published), ("revised", revised), ("unchanged", unchanged)):
            self._rows.labels(outcome).inc(count)
        for reason in refused:
            self._rows.labels("refused").inc()
            self._refused.labels(self._reason(reason)).inc()

    def withdrawn(self, count: int) -> None:
        """Own signals were taken back."""
        self._withdrawn.inc(count)

    def committed(self, commit: Commit | None) -> None:
        """A group commit is durable, or failed where there is None."""
        if commit is None:
            self._failures.inc()
            return
        self._operations.observe(commit.operations)
        self._entries.observe(commit.entries)
        self._seconds.observe(commit.seconds)

    def _reason(self, reason: str) -> str:
        if reason not in self._reasons and len(self._reasons) >= METRIC_REASONS:
            return OTHER
        self._reasons.add(reason)
        return reason

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"tocsin_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], labels: Sequence[str] = ()) -> Histogram:
        return Histogram(f"tocsin_{name}", text, labels, buckets=buckets, registry=self.registry)
