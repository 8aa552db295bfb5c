"""What the web listener answers: `/healthz`, `/readyz`, `/metrics`; GET only, nothing else is there.

No page asks for a token, so nothing here says more than counts, names of feeds and peers, and whether the node works.
While it listens on loopback only, a request must name this machine by address or as localhost: a page of a stranger in
an operator's browser, under a name that it made point here, gets nothing.
"""

import asyncio
import ipaddress
import time
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tocsin_node.limits import READY_CACHE_S
from tocsin_node.meter import Meter
from tocsin_node.web.gauges import Gauges, OpenSessions, Sessions
from tocsin_node.web.readiness import Check, Readiness


class Pages:
    """Handlers; `local_only` when the listener is on loopback."""

    def __init__(
        self, *, readiness: Readiness, gauges: Gauges, meter: Meter, sessions: OpenSessions, local_only: bool
    ) -> None:
        self._readiness = readiness
        self._gauges = gauges
        self._meter = meter
        self._sessions = sessions
        self._local_only = local_only
        self._looked_at = -READY_CACHE_S
        self._checks: tuple[Check, ...] = ()
        self._looking = asyncio.Lock()

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/healthz", self.health),
                Route("/readyz", self.ready),
                Route("/metrics", self.metrics),
            ]
        )

    async def health(self, request: Request) -> Response:
        """The process lives and its event loop turns."""
        return self._stranger(request) or PlainTextResponse("ok\n")

    async def ready(self, request: Request) -> Response:
        """200 or 503, and every check."""
        if refused := self._stranger(request):
            return refused
        checks = await self._current()
        ready = all(check.ok for check in checks if check.needed)
        found = {check.name: {"ok": check.ok, "why": check.why} for check in checks}
        return JSONResponse({"ready": ready, "checks": found}, status_code=200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Everything that is counted, in the text format of Prometheus."""
        if refused := self._stranger(request):
            return refused
        sessions, checks = self._sessions(), await self._current()
        text = await asyncio.to_thread(self._render, sessions, checks)
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _render(self, sessions: Sessions, checks: Sequence[Check]) -> bytes:
        ready = GaugeMetricFamily("tocsin_ready", "Whether a check of /readyz holds.", labels=["check"])
        for check in checks:
            ready.add_metric([check.name], check.ok)
        now = CollectorRegistry()
        now.register(_Families([*_counted(self._meter), *self._gauges.families(sessions), ready]))
        return generate_latest(now)

    async def _current(self) -> tuple[Check, ...]:
        """The checks, at most READY_CACHE_S old: however many ask, the writer is asked once."""
        async with self._looking:
            if time.monotonic() - self._looked_at >= READY_CACHE_S:
                self._checks = await self._readiness.checks()
                self._looked_at = time.monotonic()
            return self._checks

    def _stranger(self, request: Request) -> Response | None:
        host = request.url.hostname or ""
        if not self._local_only or host == "localhost" or _is_address(host):
            return None
        return PlainTextResponse("ask for this node by its address\n", status_code=421)


def _counted(meter: Meter) -> Iterator[Metric]:
    """What was counted, without when each series began: it would double their number."""
    for family in meter.registry.collect():
        family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        yield family


class _Families:
    """Families read already, as the collector that a registry asks for."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Them."""
        return self._families


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
