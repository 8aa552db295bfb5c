"""One table of fuzz targets: every parser that takes a peer's or a user's bytes, and what must hold for any bytes.

A target is a function from bytes: it returns, or raises one of the errors its parser promises; anything else is a
defect, as is a failed assertion (what parses is written back as it was, a canonical form is its own canonical form) or
a call that takes seconds. Where a signature would hide the parser, the right one is put on whatever comes.

A new parser is one function and one line in TARGETS. A crash found is mended, and its input kept in REGRESSIONS.
"""

import io
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from google.protobuf.message import DecodeError

from tests.fuzz import seeds
from tocsin.v1 import exchange_pb2 as pb
from tocsin_crypto import card, epoch, invite, note, statement
from tocsin_crypto._encoding import to_base64
from tocsin_crypto.checkpoint import parse_checkpoint, sign_checkpoint
from tocsin_crypto.ed25519 import parse_vkey
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.keyfile import seal, unseal
from tocsin_crypto.merkle import CompactRange
from tocsin_crypto.tlog_proof import parse_tlog_proof
from tocsin_crypto.tls import parse_certificate
from tocsin_node.config import parse_config
from tocsin_node.errors import Invalid, Misbehaviour, Misconfigured
from tocsin_node.exchange import wire
from tocsin_node.exchange.checking import read_descriptor
from tocsin_node.match.near import NearIndex
from tocsin_node.policy.model import parse_policy
from tocsin_node.proof.verify import verify_proof
from tocsin_node.segment import codec
from tocsin_node.segment.verify import Position, accept, run_leaves
from tocsin_signals import details, mapping, selfcheck, types, vectorfile
from tocsin_signals.canon import canonicalise, expand
from tocsin_signals.csvfile import CsvFile, CsvRejects
from tocsin_signals.entry import ROW, ROW_SIZE, Rows
from tocsin_signals.errors import Rejected
from tocsin_signals.formats import Format
from tocsin_signals.guard import Guard, OwnAssets, read_pack
from tocsin_signals.imports import stix_pattern
from tocsin_signals.jsonlines import JsonLinesFile, JsonRejects
from tocsin_signals.lint import lint
from tocsin_signals.rowfile import open_rows, passed_over
from tocsin_signals.rows import RowReject
from tocsin_signals.xlsxfile import XlsxFile


@dataclass(frozen=True, slots=True)
class Target:
    """A function of bytes, the errors it may raise, and real values to start from."""

    name: str
    run: Callable[[bytes], None]
    allowed: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]

    def __call__(self, data: bytes) -> None:
        """Run on any bytes; what is not allowed passes through. An error's sentence is one line and not endless."""
        try:
            self.run(data)
        except self.allowed as error:
            said = str(error)
        else:
            return
        assert "\n" not in said, "a sentence of several lines"
        assert len(said) < 20_000, "an endless sentence"


def read_segment(data: bytes) -> None:
    """What is decoded and encoded again decodes to the same rows."""
    run = codec.decode(codec.parse(data))
    assert len(run_leaves(run)) == 32 * run.count
    assert run.rows["prefix"].max(initial=0) == 0
    if not run.absent:
        again = codec.decode(codec.encode(run.first, run.rows, run.numbers, run.details, run.seeds))
        assert again.rows.tobytes() == run.rows.tobytes()


def accept_delivery(data: bytes) -> None:
    """A segment under a checkpoint that is right for it: accepted, or misbehaviour with a code."""
    run = codec.decode(codec.parse(data))
    tree = CompactRange().extend_hashes(run_leaves(run)).range
    signed = sign_checkpoint(seeds.ORIGIN, tree.size, tree.root(), seeds.NODE)
    position = Position(seeds.ORIGIN, seeds.NODE.name, seeds.NODE.key.public.raw, 0, b"", 0)
    found = accept(position, data, signed)
    assert found.size == run.count
    assert found.root == tree.root()
    read_descriptor(found, publisher="hotline.example", origin=seeds.ORIGIN)


def read_rows(data: bytes) -> None:
    """Any rows at all travel unchanged, but for the details digest, which is made anew from the details."""
    count = min(len(data) // ROW_SIZE, 64)
    if count == 0:
        return
    rows: Rows = np.frombuffer(data[: count * ROW_SIZE], ROW).copy()
    rows["prefix"] = 0
    rows["details"] = np.frombuffer(details.digest(b"{}"), "V32")
    run = codec.decode(codec.encode(7, rows, np.zeros(count, np.uint32), [b"{}"], {}))
    assert run.rows.tobytes() == rows.tobytes()


def read_details(data: bytes) -> None:
    """What decodes is encoded to something that decodes to the same."""
    fields = details.decode(data)
    rest = {key: value for key, value in fields.items() if key != "salt"}
    salt = bytes.fromhex(str(fields["salt"]))
    blob = details.encode(rest, salt)
    assert details.decode(blob) == fields
    assert details.encode(rest, salt) == blob
    details.Details.from_fields(rest)


def read_note(data: bytes) -> None:
    """A note is written back byte for byte."""
    assert note.parse(data).encode() == data


def read_checkpoint(data: bytes) -> None:
    """A checkpoint's text is written back byte for byte."""
    text = data.decode("utf-8", "replace")
    assert parse_checkpoint(text).text() == text


def read_statement(data: bytes) -> None:
    """An object has one spelling."""
    text = data.decode("utf-8", "replace")
    assert statement.encode(statement.decode(text, "seed"), "seed") == text


def read_proof(data: bytes) -> None:
    """A proof is written back byte for byte."""
    assert parse_tlog_proof(data).encode() == data


def read_signal_proof(data: bytes) -> None:
    """An exported signal, checked as a third party would."""
    verify_proof(data, seeds.NODE.verifier)


def read_vkey(data: bytes) -> None:
    """Verifier key text."""
    parse_vkey(data.decode("utf-8", "replace"))


def _signed(kind: str, data: bytes, signer: note.Signer) -> bytes:
    return note.sign(f"{kind}\n{data.decode('utf-8', 'replace')}\n", [signer])


def read_card_body(data: bytes) -> None:
    """Any object under the right signature: a card that reads is signed again to the same values."""
    opened = card.open_card(_signed(card.KIND, data, seeds.ROOT))
    again = card.sign_card(opened.card, seeds.ROOT)
    assert again.card == opened.card


def read_epoch_body(data: bytes) -> None:
    """The same for an epoch descriptor."""
    epoch.open_epoch(_signed(epoch.KIND, data, seeds.NODE), seeds.NODE.key.public)


def read_invite(data: bytes) -> None:
    """An invite as it comes."""
    invite.claimed_community(data)
    _open_invite(data)


def read_invite_body(data: bytes) -> None:
    """Any object under the founder's signature."""
    _open_invite(_signed(invite.KIND, data, seeds.NODE))


def read_invite_inside(data: bytes) -> None:
    """Any bytes in the sealed box of a signed invite."""
    outside = statement.decode(seeds.inside().decode(), "seed")
    body: statement.Object = {
        **{key: outside[key] for key in ("community", "recipient", "invite_id")},
        "sealing_key_id": seeds.MEMBER.public.key_id.hex(),
        "not_after": seeds.LIFE[1],
        "epochs": [_EPOCH.decode()],
        "sealed": to_base64(seeds.MEMBER.public.seal(data)),
    }
    _open_invite(statement.sign(invite.KIND, body, seeds.NODE))


def _open_invite(data: bytes) -> None:
    opened = invite.open_invite(
        data,
        founder_signing_key=seeds.NODE.key.public,
        organisation="platform.example",
        sealing_key=seeds.MEMBER,
        now=seeds.NOW,
    )
    assert opened.epochs


def read_key_file(data: bytes) -> None:
    """What unseals is sealed again to something that unseals to the same."""
    contents = unseal(data, seeds.LOCK)
    assert unseal(seal(contents, seeds.LOCK), seeds.LOCK) == contents


def read_policy(data: bytes) -> None:
    """A policy says whose it is, and its digest is of the bytes."""
    assert parse_policy(data, "p.toml").peer


def read_config(data: bytes) -> None:
    """A configuration has an organisation."""
    assert parse_config(data, "tocsin.toml").organisation


def read_csv(data: bytes) -> None:
    """Lines are counted upwards, and the rejects are a file with the header that was understood."""
    file = CsvFile(io.BytesIO(data), default_type="url")
    written = io.StringIO()
    rejects, last = CsvRejects(written, header=file.header, separator=file.separator), 1
    for row in file:
        assert row.line > last or row.line == 1, "a line came twice"
        last = row.line
        if isinstance(row, RowReject):
            rejects.write(row)
    list(CsvFile(io.BytesIO(written.getvalue().encode()), default_type="url"))


def read_vectors(data: bytes) -> None:
    """A vector file from elsewhere, and running what is in it."""
    found = vectorfile.parse(data)
    assert len(selfcheck.check(found.profile, [found]).digest) == 64


def read_json_lines(data: bytes) -> None:
    """The same for JSON Lines."""
    written = io.StringIO()
    rejects = JsonRejects(written)
    for row in JsonLinesFile(io.BytesIO(data), default_type="url"):
        if isinstance(row, RowReject):
            rejects.write(row)
    list(JsonLinesFile(io.BytesIO(written.getvalue().encode()), default_type="url"))


def read_workbook(data: bytes) -> None:
    """Any archive: read to its end or refused, and the rejects are a CSV file with the header that was understood."""
    file = XlsxFile(io.BytesIO(data), default_type="url")
    written = io.StringIO()
    rejects, last = file.rejects_writer(written), 0
    for row in file:
        assert row.line > last, "a row came twice"
        last = row.line
        if isinstance(row, RowReject):
            rejects.write(row)
    list(CsvFile(io.BytesIO(written.getvalue().encode()), default_type="url"))


def read_sheet(data: bytes) -> None:
    """Any bytes as the sheet of a whole workbook."""
    read_workbook(seeds.workbook(sheet=data))


def read_texts(data: bytes) -> None:
    """Any bytes as its shared texts."""
    read_workbook(seeds.workbook(texts=data))


def read_styles(data: bytes) -> None:
    """Any bytes as its styles."""
    read_workbook(seeds.workbook(styles=data))


def read_columns(data: bytes) -> None:
    """A mapping is written back to the same mapping, and takes any header or refuses it."""
    read = mapping.read_mapping(data)
    assert mapping.read_mapping(mapping.write_mapping(read)) == read
    read.of_header(["value", *read.columns.values(), "Other"])


def read_import(written: Format, data: bytes) -> None:
    """Rows of a document are numbered without gaps, and its rejects are a file of JSON Lines."""
    file = open_rows(io.BytesIO(data), written)
    out = io.StringIO()
    rejects = file.rejects_writer(out)
    for number, row in enumerate(file, 1):
        assert row.line == number
        if isinstance(row, RowReject):
            rejects.write(row)
    assert all(count > 0 for count in passed_over(file).values())
    lines = out.getvalue().encode().splitlines()
    if lines:
        list(JsonLinesFile(io.BytesIO(max(lines, key=len)), default_type="url"))


def read_pattern(data: bytes) -> None:
    """A pattern that is understood is written to one that says the same."""
    found = stix_pattern.parse(data.decode("utf-8", "replace"))
    assert stix_pattern.parse(stix_pattern.write(found)) == found


def read_identifier(type_name: str, data: bytes) -> None:
    """A canonical form is its own canonical form, and among what a look-up tries; lint reads every one."""
    text = data.decode("utf-8", "replace")
    canonical = canonicalise(type_name, text)
    assert canonicalise(type_name, canonical) == canonical
    assert len(canonical.encode()) <= 65_535
    assert (type_name, canonical) in expand(type_name, text)
    lint(type_name, canonical)


def near_matches(data: bytes) -> None:
    """Any hashes a peer may publish: asked about the first, the index finds what a comparison one by one finds."""
    hashes = np.frombuffer(data[: len(data) // 32 * 32], np.uint8).reshape(-1, 32)[:64]
    if not len(hashes):
        return
    index = NearIndex()
    index.add(hashes)
    found = index.search(hashes[:1].copy(), np.asarray([len(data) % 32], np.uint8))
    distances = np.bitwise_count(hashes ^ hashes[0]).sum(axis=1, dtype=np.int64)
    wanted = {hashes[place].tobytes() for place in np.flatnonzero(distances <= len(data) % 32)}
    assert len(found) == len(wanted)
    assert {one.tobytes() for one in found.words} == wanted


def read_hello(data: bytes) -> None:
    """A Hello within its limits is written back to the same values."""
    hello = wire.from_hello(pb.Hello.FromString(data))
    assert wire.from_hello(wire.to_hello(hello)) == hello


def read_follow(data: bytes) -> None:
    """The follower's side of a stream: an opening or an acknowledgement."""
    message = pb.FollowRequest.FromString(data)
    if message.WhichOneof("message") == "open":
        opened = wire.from_open(message)
        assert wire.from_open(pb.FollowRequest.FromString(wire.to_open(opened))) == opened
    else:
        ack = wire.from_ack(message)
        assert ack is None or wire.from_ack(pb.FollowRequest.FromString(wire.to_ack(ack))) == ack


def read_feeds(data: bytes) -> None:
    """Offered feeds, each origin once."""
    offered = wire.from_feeds(pb.ListFeedsResponse.FromString(data))
    assert len({feed.origin for feed in offered}) == len(offered)


def read_probe_question(data: bytes) -> None:
    """A question about probes, written back as it was read."""
    question = wire.from_probe_request(pb.ProbeRequest.FromString(data))
    assert wire.from_probe_request(wire.to_probe_request(question)) == question


def read_probe_answer(data: bytes) -> None:
    """An answer about probes, written back as it was read."""
    answer = wire.from_probe_response(pb.ProbeResponse.FromString(data))
    assert wire.from_probe_response(wire.to_probe_response(answer)) == answer


def read_delivery(data: bytes) -> None:
    """The publisher's side of a stream."""
    wire.from_publisher(data)


_EPOCH: Final = seeds.epoch()
_CARD: Final = seeds.card()
_INVITE: Final = seeds.invite()
_CHECKPOINT: Final = seeds.checkpoint()
_SEGMENTS: Final = tuple(map(seeds.segment, (1, 4, 300)))
_WIRE: Final = (Invalid, DecodeError)
_ACK: Final = wire.to_ack(wire.Ack(5, b"\x03" * 32))
_OPEN: Final = wire.to_open(wire.Open(seeds.ORIGIN, 5, _CHECKPOINT))
_QUESTION: Final = wire.to_probe_request(
    wire.ProbeQuestion(bytes(16), bytes(16), ("ip", "url"), 7, last=True)
).SerializeToString()
_ANSWER: Final = wire.to_probe_response(
    wire.ProbeAnswer(bytes(16), ("ip",), bytes(32), "192.0.2.1")
).SerializeToString()
_FEEDS: Final = wire.to_feeds([wire.Offered(seeds.ORIGIN, _CHECKPOINT)]).SerializeToString()
_DELIVERY: Final = wire.to_delivery(codec.parse(_SEGMENTS[1]), _CHECKPOINT, bytes(16)).SerializeToString()
_VECTORS: Final = (
    b'{"format":"tocsin-canon-vectors/1","profile":"domain/1","type":"domain","tables":{"a":"sha256:0"},"cases":'
    b'[{"id":"d-1","in":"A.b","out":"a.b"},{"id":"d-2","in_b64":"//4=","reject":"not-utf8","hint":{"region":"GB"}}],'
    b'"classes":[{"id":"c","in":["a.b","A.b"]}],"distinct":[["a.b","a.c"]],"expand":[{"in":"a.b","expr":[["domain",'
    b'"a.b"]]},{"in":"a","reject":"single-label"}]}'
)
_TEXTS: Final = tuple(text.encode() for text in seeds.IDENTIFIERS)

REGRESSIONS: Final[dict[str, tuple[bytes, ...]]] = {"mapping": (b"[words.severity]\n",)}
"""Target -> inputs that once broke it; they are seeds for ever."""


def _targets() -> list[Target]:
    crypto = (CryptoError,)
    found = [
        Target("segment", read_segment, (Misbehaviour,), _SEGMENTS),
        Target("delivery", accept_delivery, (Misbehaviour,), _SEGMENTS),
        Target("rows", read_rows, (), (seeds.rows(4).tobytes(),)),
        Target("details", read_details, (Rejected,), (*seeds.DETAILS, seeds.DESCRIPTOR)),
        Target("note", read_note, crypto, (_CARD, _CHECKPOINT)),
        Target("checkpoint", read_checkpoint, crypto, (_CHECKPOINT.partition(b"\n\n")[0] + b"\n",)),
        Target("statement", read_statement, crypto, (seeds.inside(), b'{"a":[1,{"b":null}],"c":"\xc3\xbc"}')),
        Target("vkey", read_vkey, crypto, (seeds.NODE.verifier.vkey.encode(),)),
        Target("card", lambda data: void(card.open_card(data)), crypto, (_CARD,)),
        Target("card-body", read_card_body, crypto, (seeds.body(_CARD, card.KIND),)),
        Target("epoch-body", read_epoch_body, crypto, (seeds.body(_EPOCH, epoch.KIND),)),
        Target("invite", read_invite, crypto, (_INVITE,)),
        Target("invite-body", read_invite_body, crypto, (seeds.body(_INVITE, invite.KIND),)),
        Target("invite-inside", read_invite_inside, crypto, (seeds.inside(),)),
        Target("certificate", lambda data: void(parse_certificate(data)), crypto, (_certificate(),)),
        Target("key-file", read_key_file, crypto, seeds.key_files()),
        Target("tlog-proof", read_proof, crypto, (seeds.proof(),)),
        Target("signal-proof", read_signal_proof, crypto, (seeds.signal_proof(),)),
        Target("policy", read_policy, (Misconfigured,), (seeds.POLICY,)),
        Target("config", read_config, (Misconfigured,), (seeds.CONFIG,)),
        Target("guard-pack", read_guard_pack, (Rejected,), (seeds.guard_pack(),)),
        Target("guard-pack-text", read_guard_pack_text, (Rejected,), (lzma.decompress(seeds.guard_pack()),)),
        Target("own-assets", read_own_assets, (Rejected,), (seeds.OWN_ASSETS,)),
        Target("csv", read_csv, (Rejected,), seeds.CSV),
        Target("vectors", read_vectors, (Rejected,), (_VECTORS,)),
        Target("json-lines", read_json_lines, (Rejected,), seeds.JSON_LINES),
        Target("workbook", read_workbook, (Rejected,), (seeds.workbook(),)),
        Target("sheet", read_sheet, (Rejected,), (seeds.SHEET,)),
        Target("shared-texts", read_texts, (Rejected,), (seeds.SHARED_TEXTS,)),
        Target("styles", read_styles, (Rejected,), (seeds.STYLES,)),
        Target("mapping", read_columns, (Rejected,), (seeds.MAPPING,)),
        Target("stix", partial(read_import, Format.STIX), (Rejected,), seeds.STIX),
        Target("stix-pattern", read_pattern, (Rejected,), seeds.STIX_PATTERNS),
        Target("misp", partial(read_import, Format.MISP), (Rejected,), seeds.MISP),
        Target("threatexchange", partial(read_import, Format.THREATEXCHANGE), (Rejected,), seeds.THREATEXCHANGE),
        Target("hello", read_hello, _WIRE, (seeds.hello(),)),
        Target("follow", read_follow, _WIRE, (_OPEN, _ACK)),
        Target("feeds", read_feeds, _WIRE, (_FEEDS,)),
        Target("probe-question", read_probe_question, _WIRE, (_QUESTION,)),
        Target("probe-answer", read_probe_answer, _WIRE, (_ANSWER,)),
        Target("publisher", read_delivery, (Misbehaviour,), (_DELIVERY,)),
    ]
    found.append(Target("near", near_matches, (), tuple(bytes(range(256)) * 3 + bytes(n) for n in (0, 7, 31))))
    found += [
        Target(f"canon-{kind.name}", partial(read_identifier, kind.name), (Rejected,), _TEXTS)
        for kind in types.REGISTRY
    ]
    return [Target(t.name, t.run, t.allowed, (*t.seeds, *REGRESSIONS.get(t.name, ()))) for t in found]


def read_guard_pack(data: bytes) -> None:
    """A pack that is read answers."""
    assert Guard(pack=read_pack(data)).check("domain", "go.example").rule


def read_guard_pack_text(data: bytes) -> None:
    """The same for what is inside."""
    read_guard_pack(lzma.compress(data, preset=0))


def read_own_assets(data: bytes) -> None:
    """A file that is read hits what it names."""
    assets = OwnAssets.parse(data)
    assert all(assets.hit(kind, canonical) for kind, canonical in assets.tried)


def void(_: object) -> None:
    """The value of a parser that has no further property."""


def _certificate() -> bytes:
    return card.open_card(_CARD).card.certificates[0].der


TARGETS: Final = {target.name: target for target in _targets()}
