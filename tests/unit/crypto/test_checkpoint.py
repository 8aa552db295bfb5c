"""Checkpoints: whose they are, and self-contained proofs under them."""

import pytest

from tocsin_crypto.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.errors import Forged, Malformed
from tocsin_crypto.merkle import CompactRange, inclusion_proof, leaf_hash, split_hashes
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.tlog_proof import MAX_EXTRA, TlogProof, parse_tlog_proof

NODE = NoteSigner("hotline.example/node", SigningKey(b"\x01" * 32))
ORIGIN = "hotline.example/feed/1"
LEAVES = b"".join(leaf_hash(b"entry-%d" % i) for i in range(300))
ROOT = CompactRange().extend(LEAVES).root()


def proof(index: int, *, extra: bytes | None = None) -> TlogProof:
    def get(level: int, at: int) -> bytes:
        return CompactRange().extend(LEAVES[at * 32 << level : (at + 1) * 32 << level]).root()

    checkpoint = sign_checkpoint(ORIGIN, 300, ROOT, NODE)
    return TlogProof(index, inclusion_proof(index, 300, get), checkpoint, extra)


def test_a_checkpoint_opens_under_a_key_name_that_is_not_its_origin() -> None:
    checkpoint = open_checkpoint(sign_checkpoint(ORIGIN, 300, ROOT, NODE), ORIGIN, NODE.verifier)
    assert checkpoint == Checkpoint(ORIGIN, 300, ROOT)


def test_a_checkpoint_of_another_origin_is_forged() -> None:
    with pytest.raises(Forged, match="another origin"):
        open_checkpoint(sign_checkpoint(ORIGIN, 300, ROOT, NODE), "hotline.example/feed/2", NODE.verifier)


def test_a_checkpoint_of_another_key_is_forged() -> None:
    other = NoteSigner("hotline.example/node", SigningKey(b"\x02" * 32))
    with pytest.raises(Forged, match="not signed by"):
        open_checkpoint(sign_checkpoint(ORIGIN, 300, ROOT, other), ORIGIN, NODE.verifier)


def test_a_signed_text_that_is_no_checkpoint_is_malformed() -> None:
    from tocsin_crypto import note

    with pytest.raises(Malformed, match="checkpoint"):
        open_checkpoint(note.sign("hello\n", [NODE]), ORIGIN, NODE.verifier)


@pytest.mark.parametrize("origin", ["", "two\nlines", "x" * 256])
def test_an_origin_is_one_line(origin: str) -> None:
    with pytest.raises(Malformed, match="origin"):
        Checkpoint(origin, 300, ROOT)


def test_extension_lines_read_back() -> None:
    checkpoint = Checkpoint(ORIGIN, 300, ROOT, ("first", "second line"))
    from tocsin_crypto import note

    assert open_checkpoint(note.sign(checkpoint.text(), [NODE]), ORIGIN, NODE.verifier) == checkpoint


@pytest.mark.parametrize("extra", [None, b"entry and details"])
def test_a_proof_file_reads_back_and_verifies(extra: bytes | None) -> None:
    made = proof(137, extra=extra)
    read = parse_tlog_proof(made.encode())
    assert read == made
    assert read.verify(leaf_hash(b"entry-137"), ORIGIN, NODE.verifier).size == 300


def test_a_proof_file_looks_as_specified() -> None:
    lines = proof(137, extra=b"x").encode().decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra eA==", "index 137"]
    assert [len(line) for line in lines[3:12]] == [44] * 9
    assert lines[12:14] == ["", ORIGIN]


def test_a_proof_of_the_only_leaf_has_no_hashes() -> None:
    leaf = split_hashes(LEAVES)[0]
    alone = TlogProof(0, (), sign_checkpoint(ORIGIN, 1, leaf, NODE))
    assert parse_tlog_proof(alone.encode()).verify(leaf, ORIGIN, NODE.verifier).size == 1


def test_a_proof_of_another_leaf_is_forged() -> None:
    with pytest.raises(Forged, match="root of size 300"):
        proof(137).verify(leaf_hash(b"entry-138"), ORIGIN, NODE.verifier)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"index 137", b"index 0137"),
        (b"index 137", b"index -1"),
        (b"index 137\n", b""),
        (b"index 137", b"index 137\nindex 137"),
        (b"extra eA==\nindex 137", b"index 137\nextra eA=="),
        (b"extra eA==", b"extra eB=="),
        (b"extra eA==", b"extra "),
        (b"extra eA==", b"extra \xc3\xa9"),
        (b"\n\n", b"\n"),
        (b"\n", b"\r\n"),
        (b"index 137\n", b"index 137\n" + b"A" * 43 + b"=\n" + b"AAAA\n"),
        (b"index 137\n", b"index 137\n" + 56 * (b"A" * 43 + b"=\n")),
    ],
)
def test_a_proof_file_against_the_rules_is_malformed(old: bytes, new: bytes) -> None:
    data = proof(137, extra=b"x").encode()
    assert old in data
    with pytest.raises(Malformed):
        parse_tlog_proof(data.replace(old, new))


def test_a_proof_file_has_limits() -> None:
    with pytest.raises(Malformed, match="more than"):
        parse_tlog_proof(bytes(1_000_000))
    with pytest.raises(Malformed, match="extra"):
        proof(0, extra=bytes(MAX_EXTRA + 1))
