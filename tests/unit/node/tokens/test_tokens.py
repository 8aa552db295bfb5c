import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin_node.errors import Exhausted, Invalid, NotFound, Refused
from tocsin_node.log.envelope import Actor
from tocsin_node.testing.core import Core, open_core
from tocsin_node.tokens import Role, Tokens, issue

OPERATOR = Actor("operator", "operator")


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with open_core(tmp_path) as found:
        yield found


@pytest.fixture
def tokens(core: Core) -> Tokens:
    return Tokens(store=core.store, writer=core.writer)


@pytest.mark.asyncio
async def test_a_token_verifies_as_its_name_with_its_roles(tokens: Tokens) -> None:
    text = await tokens.add("app", ["publish", "match"], actor=OPERATOR)
    assert text.startswith("tcs_")
    token = tokens.verify(text)
    assert token is not None
    assert (token.name, token.roles, token.words) == (
        "app",
        {Role.MATCH, Role.PUBLISH},
        ("match", "publish"),
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("change", ["", "x", "cut", "prefix", "non-ascii"])
async def test_any_other_text_is_nobody(tokens: Tokens, change: str) -> None:
    text = await tokens.add("app", ["match"], actor=OPERATOR)
    altered = {
        "": "",
        "x": text[:-1] + ("A" if text[-1] != "A" else "E"),
        "cut": text[:-1],
        "prefix": "TCS_" + text[4:],
        "non-ascii": text[:-1] + "é",
    }[change]
    assert tokens.verify(altered) is None


@pytest.mark.asyncio
async def test_only_a_digest_is_stored_and_audited(core: Core, tokens: Tokens, tmp_path: Path) -> None:
    text = await tokens.add("app", ["match"], actor=OPERATOR)
    stored = await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir()))
    assert text.encode() not in stored
    assert text[4:].encode() not in stored
    assert core.audit()[-1] | {"t": 0} == {
        "v": 1,
        "t": 0,
        "ev": "role.granted",
        "res": "ok",
        "act": {"kind": "operator", "name": "operator"},
        "about": {"token": "app", "roles": "match"},
    }


@pytest.mark.asyncio
async def test_a_revoked_token_fails_at_once_and_keeps_its_name(core: Core, tokens: Tokens) -> None:
    await tokens.add("root", ["operate"], actor=OPERATOR)
    text = await tokens.add("app", ["match"], actor=OPERATOR)
    await tokens.revoke("app", actor=OPERATOR)
    assert tokens.verify(text) is None
    assert [(token.name, token.revoked) for token in tokens.list()] == [("app", True), ("root", False)]
    assert core.events()[-1] == "role.revoked"
    with pytest.raises(Refused, match="a token named app exists or existed"):
        await tokens.add("app", ["match"], actor=OPERATOR)
    with pytest.raises(NotFound):
        await tokens.revoke("app", actor=OPERATOR)


@pytest.mark.asyncio
async def test_the_last_token_that_may_operate_stays(core: Core, tokens: Tokens) -> None:
    text = await tokens.add("one", ["operate"], actor=OPERATOR)
    before = core.events()
    with pytest.raises(Refused, match="one is the last token with the role operate"):
        await tokens.revoke("one", actor=OPERATOR)
    assert core.events() == before
    assert tokens.verify(text) is not None
    await tokens.add("two", ["operate", "audit"], actor=OPERATOR)
    await tokens.revoke("one", actor=OPERATOR)
    assert tokens.verify(text) is None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "roles", "told"),
    [
        ("app", [], "at least one role of: match, publish, approve, operate, audit"),
        ("app", ["admin"], "words of: match, publish, approve, operate, audit"),
        ("App 1", ["match"], "the token name is not 1 to 63"),
        ("", ["match"], "the token name is not 1 to 63"),
    ],
)
async def test_a_bad_name_or_role_changes_nothing(
    core: Core, tokens: Tokens, name: str, roles: list[str], told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        await tokens.add(name, roles, actor=OPERATOR)
    assert tokens.list() == ()
    assert core.events() == []


@pytest.mark.asyncio
async def test_tokens_are_known_after_a_restart(core: Core, tokens: Tokens) -> None:
    live = await tokens.add("one", ["operate"], actor=OPERATOR)
    gone = await tokens.add("two", ["operate"], actor=OPERATOR)
    await tokens.revoke("two", actor=OPERATOR)
    again = Tokens(store=core.store, writer=core.writer)
    assert again.list() == tokens.list()
    assert again.verify(live) == tokens.verify(live)
    assert again.verify(gone) is None


def test_there_is_a_most_of_tokens(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin_node.tokens.TOKENS", 1)
    core.writer.call(lambda tx: issue(tx, name="one", roles=["operate"], actor=OPERATOR))
    with pytest.raises(Exhausted, match="at most 1 tokens"):
        core.writer.call(lambda tx: issue(tx, name="two", roles=["match"], actor=OPERATOR))
