"""Tags: the written definition, its separations and its limits."""

import asyncio
import hashlib
import hmac
import pickle

import pytest

from tocsin_crypto.errors import Malformed
from tocsin_crypto.salts import expand_seed
from tocsin_crypto.tag import EpochKey, KeyedTagger, Tagger, TagRequest, context, key_id, tag_batch, tag_of

KEY = EpochKey("demo.hotline.example", 1, b"\x07" * 32)
REQUEST = TagRequest("url/1", "url", "example.com/b/c")


def written_tag(key: EpochKey, request: TagRequest) -> bytes:
    parts = ["tocsin/tag/1", key.community], [request.profile, request.scope, request.canonical]
    head, tail = (b"".join(len(p.encode()).to_bytes(2, "big") + p.encode() for p in part) for part in parts)
    output = hmac.digest(key.key, head + key.epoch.to_bytes(4, "big") + tail, hashlib.sha256)
    return hmac.digest(output, b"tocsin/1/id", hashlib.sha256)


def test_a_tag_is_what_the_definition_says() -> None:
    requests = [REQUEST, TagRequest("email/1", "email", "jos\u00e9@example.com"), REQUEST, TagRequest("a", "", "")]
    assert tag_batch(KEY, requests) == [written_tag(KEY, request) for request in requests]


def test_the_asynchronous_tagger_gives_the_same_tags() -> None:
    tagger: Tagger = KeyedTagger(community=KEY.community, epoch=KEY.epoch, key=KEY.key)
    assert asyncio.run(tagger.tags([REQUEST])) == tag_batch(KEY, [REQUEST])
    assert asyncio.run(tagger.tags([])) == []


def test_every_part_of_the_context_separates_tags() -> None:
    tags = {
        tag_batch(key, [request])[0]
        for key in (KEY, EpochKey("x.hotline.example", 1, KEY.key), EpochKey(KEY.community, 2, KEY.key))
        for request in (REQUEST, REQUEST._replace(profile="url/2"), REQUEST._replace(scope="url-path"))
    }
    assert len(tags) == 9
    shifted = [TagRequest("ab", "c", "d"), TagRequest("a", "bc", "d"), TagRequest("a", "b", "cd")]
    assert len(set(tag_batch(KEY, shifted))) == 3


def test_another_key_gives_another_tag_and_key_id() -> None:
    other = EpochKey(KEY.community, KEY.epoch, b"\x08" * 32)
    assert tag_batch(other, [REQUEST]) != tag_batch(KEY, [REQUEST])
    assert other.key_id != KEY.key_id == key_id(KEY.key)
    assert len(KEY.key_id) == 16


def test_the_last_step_stands_alone_for_other_ways_to_the_output() -> None:
    assert tag_of(bytes(range(32))) == hmac.digest(bytes(range(32)), b"tocsin/1/id", hashlib.sha256)


def test_a_context_has_at_most_65535_bytes_in_all() -> None:
    room = 65_535 - len(context(KEY.community, 1, REQUEST._replace(canonical="")))
    tag_batch(KEY, [REQUEST._replace(canonical="x" * room)])
    for length in (room + 1, 65_536):
        with pytest.raises(Malformed, match="65535"):
            tag_batch(KEY, [REQUEST._replace(canonical="x" * length)])


def test_text_that_is_not_unicode_is_refused_without_being_repeated() -> None:
    with pytest.raises(Malformed, match="canonical form") as caught:
        tag_batch(KEY, [REQUEST._replace(canonical="secret\ud800")])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("epoch", "key"), [(-1, KEY.key), (1 << 32, KEY.key), (1, bytes(31)), (1, bytes(33))])
def test_an_epoch_key_is_checked_when_made(epoch: int, key: bytes) -> None:
    with pytest.raises(Malformed):
        EpochKey("demo.hotline.example", epoch, key)


def test_an_epoch_key_travels_to_a_worker_and_does_not_show_itself() -> None:
    assert pickle.loads(pickle.dumps((KEY, [REQUEST]))) == (KEY, [REQUEST])
    assert "\\x07" not in repr(KEY)


def test_a_salt_seed_has_32_bytes() -> None:
    with pytest.raises(Malformed, match="32 bytes"):
        expand_seed(bytes(31))
