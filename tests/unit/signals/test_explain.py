"""Why a value has the form it has."""

import pytest

from tocsin_signals.canon import canonicalise, expand
from tocsin_signals.errors import Rejected
from tocsin_signals.explain import explain
from tocsin_signals.types import REGISTRY, SignalType

MESSY = "HXXPS://user@www.Ex\u00e4mple[.]com:8443//a/../b/?utm_source=x&b=2&a=1#/top"


def test_the_steps_of_a_url_end_in_its_parts() -> None:
    found = explain("url", MESSY)
    texts = dict(found.steps)
    assert texts["refanged"].startswith("httpS://user@www.Ex\u00e4mple.com")
    assert texts["host"] == "www.xn--exmple-cua.com"
    parts = ("host shown, port", "path", "query, sorted, no tracking", "fragment, where routed by")
    assert "".join(texts[part] for part in parts) == found.canonical == canonicalise("url", MESSY)
    assert found.expressions == expand("url", MESSY)


def test_the_steps_stop_where_the_value_is_refused() -> None:
    found = explain("url", "  javascript:alert(1)")
    assert [step.text for step in found.steps] == ["javascript:alert(1)"] * 2
    assert found.rejected is not None
    assert (found.rejected.reason, found.canonical, found.expressions) == ("scheme", "", ())


@pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.name)
@pytest.mark.parametrize("text", ["", " evil[.]example ", "\uff2b\u200b", "a\x00b", "\ud800", "9" * 10_000])
def test_every_type_explains_any_text_as_its_profile_reads_it(kind: SignalType, text: str) -> None:
    name = kind.name
    found = explain(name, text)
    assert (found.canonical, found.rejected and found.rejected.reason) == outcome(name, text)


def outcome(name: str, text: str) -> tuple[str, str | None]:
    """The form and no reason, or none and the reason."""
    try:
        return canonicalise(name, text), None
    except Rejected as error:
        return "", error.reason


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        explain("colour", "red")
    assert caught.value.reason == "unknown-type"
