"""Real values for the fuzz targets to start from: what this program itself writes, under fixed keys."""

import base64
import io
import zipfile
from typing import Final

import numpy as np

from tocsin.v1 import exchange_pb2 as pb
from tocsin_crypto import statement, tls
from tocsin_crypto.card import Card, CardKey, CardKeys, sign_card
from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.epoch import EpochDescriptor, open_epoch, sign_epoch
from tocsin_crypto.invite import InvitedEpoch, make_invite
from tocsin_crypto.keyfile import Cost, Passphrase, RawKey, seal
from tocsin_crypto.merkle import CompactRange, leaf_hash
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.sealing import SealingKey
from tocsin_crypto.tag import key_id
from tocsin_crypto.tlog_proof import TlogProof
from tocsin_node.segment import codec
from tocsin_signals.details import digest, encode
from tocsin_signals.entry import NO_REF, Kind, Rows, details_column, empty_rows, entry_bytes, tag_column
from tocsin_signals.guard.pack import Listed, write_pack

NOW: Final = 1_750_000_000_000
LIFE: Final = (NOW, NOW + 10_000_000_000)
ORIGIN: Final = "hotline.example/feed/x"
ROOT: Final = NoteSigner("hotline.example/root", SigningKey(b"\x01" * 32))
NODE: Final = NoteSigner("hotline.example/node", SigningKey(b"\x02" * 32))
MEMBER: Final = SealingKey(b"\x06" * 32)
LOCK: Final = RawKey(b"\x0a" * 32)
EPOCH_KEY: Final = bytes(32)

DESCRIPTOR: Final = (
    b'{"audience":"all","community":"c.hotline.example","entry_size":112,"kind":"signals",'
    b'"origin":"hotline.example/feed/x","publisher":"hotline.example","salt":"00000000000000000000000000000000"}'
)
DETAILS: Final = (
    encode({"stance": "harmful"}, bytes(16)),
    encode({"stance": "suspected", "confidence": 80, "abuse_types": ["csam"], "x-note": {"a": [1, None]}}, b"\1" * 16),
)


def rows(count: int) -> Rows:
    """A feed's first entries: open, asserts, a revise and a withdraw."""
    made = empty_rows(count)
    made["kind"], made["ref"], made["type"], made["epoch"] = Kind.ASSERT, NO_REF, 0x0101, 1
    made["issued_at"], made["valid_until"] = np.arange(count) + NOW, NOW + 9_000_000
    made["kind"][0], made["type"][0], made["epoch"][0] = Kind.OPEN, 0, 0
    if count > 3:
        made["kind"][2], made["ref"][2], made["kind"][3], made["ref"][3] = Kind.REVISE, 1, Kind.WITHDRAW, 1
    tag_column(made)[:, 0] = np.arange(count)
    return made


def segment(count: int) -> bytes:
    """A segment that begins at entry 0, with seeds for its whole blocks."""
    made, blobs = rows(count), [DESCRIPTOR, *DETAILS]
    numbers = np.arange(count, dtype=np.uint32) % np.uint32(min(count, 3))
    details_column(made)[:] = np.frombuffer(b"".join(map(digest, blobs)), np.uint8).reshape(-1, 32)[numbers]
    return codec.encode(0, made, numbers, blobs[:count], {0: b"\x0b" * 32}).SerializeToString()


def card() -> bytes:
    """A card's note."""
    root, signing, audit, witness = (CardKey(SigningKey(bytes([number]) * 32).public, *LIFE) for number in (1, 2, 3, 4))
    certificate = tls.make_identity("hotline.example", now=NOW).certificate
    made = Card(
        "hotline.example",
        "hotline",
        1,
        *LIFE,
        CardKeys(root, signing, audit, witness, CardKey(SealingKey(b"\x05" * 32).public, *LIFE)),
        {"exchange": "hotline.example:7443"},
        (certificate,),
        {"url/1": bytes(32)},
        {"motto": "listen"},
    )
    return sign_card(made, ROOT).note_bytes


def epoch() -> bytes:
    """An epoch descriptor's note."""
    made = EpochDescriptor("demo.hotline.example", 1, *LIFE, LIFE[1], key_id(EPOCH_KEY), {"url": "keyed"})
    return sign_epoch(made, NODE)


def invite() -> bytes:
    """An invite's note, with one epoch and a sealed key."""
    return make_invite(
        [InvitedEpoch(open_epoch(epoch(), NODE.key.public), EPOCH_KEY)],
        recipient="platform.example",
        recipient_key=MEMBER.public,
        not_after=LIFE[1],
        founder=NODE,
    )


def body(note: bytes, kind: str) -> bytes:
    """The JSON line of a statement: what is fuzzed where a right signature is put on afterwards."""
    return note.decode().removeprefix(f"{kind}\n").partition("\n")[0].encode()


def inside() -> bytes:
    """What is sealed in an invite."""
    text = statement.encode(
        {
            "community": "demo.hotline.example",
            "recipient": "platform.example",
            "invite_id": "00" * 16,
            "keys": {"1": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        },
        "seed",
    )
    return text.encode()


def key_files() -> tuple[bytes, ...]:
    """A key file under a raw key, and one under a passphrase."""
    cheap = Passphrase("a long enough passphrase", Cost(1, 8))
    return seal({"node": b"\x07" * 32}, LOCK), seal({"node": b"\x07" * 32}, cheap)


def checkpoint(size: int = 5, root: bytes = b"\x03" * 32) -> bytes:
    """A checkpoint's note."""
    return sign_checkpoint(ORIGIN, size, root, NODE)


def proof() -> bytes:
    """A tlog-proof with extra data."""
    return TlogProof(3, (b"\x01" * 32, b"\x02" * 32), checkpoint(), b"entry and details").encode()


def signal_proof() -> bytes:
    """A signal exported by itself: entry 1 of a feed of two."""
    feed, blob = rows(2), DETAILS[0]
    details_column(feed)[1] = np.frombuffer(digest(blob), np.uint8)
    leaves = [leaf_hash(entry_bytes(feed, place)) for place in (0, 1)]
    root = CompactRange().extend_hashes(b"".join(leaves)).range.root()
    return TlogProof(1, (leaves[0],), checkpoint(2, root), entry_bytes(feed, 1) + blob).encode()


def hello() -> bytes:
    """A Hello message."""
    message = pb.Hello(
        major=1,
        minor=0,
        features=["a"],
        card_sequence=7,
        card=card(),
        profile_digests={"url/1": "00" * 32},
        epoch_keys=[pb.EpochKeyId(community="c.hotline.example", epoch=1, key_id=bytes(16))],
        now=NOW,
        software="tocsin",
    )
    return message.SerializeToString()


POLICY: Final = b"""peer = "hotline.example"
[[refuse]]
abuse_types = ["tvec"]
[[rule]]
name = "reviewed"
effect = "enforce"
types = ["url", "url-prefix"]
min_review_level = "two_humans"
max_age_days = 90
[cap]
effect = "review"
[send]
feeds = ["urls"]
"""
CONFIG: Final = b"""organisation = "hotline.example"
role = "hotline"
[exchange]
listen = "192.0.2.7:7443"
endpoints = ["node.hotline.example:7443", "[2001:db8::7]:7443"]
[audiences]
partners = ["platform-a.example"]
[log]
level = "info"
"""
CSV: Final = (
    b"type,value,stance,abuse_types,expires\nurl,https://a.example/,harmful,csam|tvec,90d\n",
    b'\xef\xbb\xbfvalue;type;x-note\r\n"https://a.example/;""b""";url;"two\nlines"\r\nhttps://b.example/;url;\r\n',
    b'url\nhttps://a.example/a,b\n"\nhxxp://b[.]example/\n',
    "sep=;\nvalue;x-note\nhttps://b\u00fccher.example/;\U0001f600\n".encode("utf-16"),
)
SHEET: Final = (
    b'<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>x-note</t></is></c>'
    b'<c r="C1" t="str"><v>first_seen</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c>'
    b'<c r="B2"><f>1+1</f><v>2</v></c></row><row r="4"><c r="A4" t="inlineStr"><is><r><t>https://b</t></r><r><t>.example/_x0041_</t></r></is></c>'
    b'<c r="B4"><v>4.2E1</v></c><c r="C4" s="1"><v>46000</v></c></row><row r="5"><c r="A5" t="e"><v>#REF!</v></c>'
    b'<c r="B5" t="b"><v>1</v></c><c r="C5" t="d"><v>2026-01-31</v></c></row></sheetData></worksheet>'
)
SHARED_TEXTS: Final = (
    b"<sst><si><t>value</t></si><si><r><t>https://a</t></r><r><t>.example/</t></r><rPh><t>a</t></rPh></si></sst>"
)
STYLES: Final = (
    b'<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[$-409]d/m/yy;@"/></numFmts>'
    b'<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>'
)
MAPPING: Final = (
    b'default_type = "url"\nregion = "GB"\nseparator = ";"\nexpires = "90d"\n'
    b'[columns]\nvalue = "Link"\nx-ref = "col3"\n'
    b'[words.severity]\n"very bad" = "critical"\n[set]\nstance = "harmful"\n'
)


def workbook(*, sheet: bytes = SHEET, texts: bytes = SHARED_TEXTS, styles: bytes = STYLES) -> bytes:
    """A workbook of these parts, stored as they are, so that what is damaged is the XML and not the packing."""
    kinds = {"worksheet": "sheet.xml", "sharedStrings": "texts.xml", "styles": "styles.xml"}
    related = "".join(f'<Relationship Id="{kind}" Type="t/{kind}" Target="{part}"/>' for kind, part in kinds.items())
    parts = {
        "_rels/.rels": b'<R><Relationship Id="b" Type="t/officeDocument" Target="book.xml"/></R>',
        "book.xml": b'<workbook><sheets><sheet name="List" r:id="worksheet"/></sheets></workbook>',
        "_rels/book.xml.rels": f"<Relationships>{related}</Relationships>".encode(),
        "sheet.xml": sheet,
        "texts.xml": texts,
        "styles.xml": styles,
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return stream.getvalue()


JSON_LINES: Final = (
    b'{"type":"url","value":"https://a.example/","stance":"harmful","abuse_types":["csam"],"expires":"90d"}\n',
    b'{"url":"https://a.example/\\ud83d\\ude00","x-note":{"a":[1]}}\n\n[1]\n{"value":"https://b.example/","confidence":80}\n',
)
IDENTIFIERS: Final = (
    "+44 20 7946 0958",
    "192.0.2.7",
    "2001:DB8::7",
    "twitter.com:@Some_Body",
    "discord:80351110224678912",
    "steam:STEAM_0:1:11101",
    "SHA-256:AEC070645FE53EE3B3763059376134F058CC337247C978ADD178B6CCDFB0019F",
    "md5 : 900150983cd24fb0d6963f7d28e17f72",
    "F8F8F0CEE0F4A84F06370A22038F63F0B36E2ED596621E1D33E6B39C4E9C9B22, 87",
    ",".join(map(str, range(144))),
    bytes(range(144)).hex(),
    base64.b64encode(bytes(range(144))).decode(),
    "some.body_1",
    "bitcoin:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4?amount=1",
    "ltc:3CDJNfdWX8m2NwuGUV3nhXHXEeLygMXoAj",
    "bch:bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
    "ethereum:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed@1",
    "trx:41a614f803b6fd780986a42c78ec9c7f77e6ded13c",
    "xmr:4LL9oSLmtpccfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2bYXZKKQePHES9khPK",
    "sol:vines1vzrYbzLMRdu58ou5XTby4qAqVRLmqo36NKPTg",
    "ton://transfer/EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF",
    "IBAN: GB82 WEST-1234\u00a05698 7654 32",
    "IMEI:49-015420-323751-8",
    "gaid:{CDDA802E-FB9C-47AD-9866-0794D394C912}",
    "mac:00-1B-63-84-45-E6",
    "192[.]0.2.0/24",
    "[2001:DB8:1:200::]/56",
    "::ffff:192.0.2.0/120",
    "hxxp://www.BAD[.]example:80/a/../page/?b=2&a=1&utm_source=x#frag",
    "https://user:pw@xn--bcher-kva.example/%7Efoo/%2e%2e/b%C3%BC;p?q=%00",
    "http://[2001:DB8::1]:8080/x",
    "http://0x7f.1/",
    "b\u00fccher.example",
    "First.Last+tag@Mail.B\u00fccher.Example",
    "person@example.com",
    "\u202ehttps://\uff45xample.com\u3002/\u00a0",
)


OWN_ASSETS: Final = b"# ours\ndomain hotline.example\nusername,x:hotline\nip 93.184.216.34\nmail-domain staff.example\n"


def guard_pack() -> bytes:
    """A pack of three short lists."""
    lists = [
        Listed("hosts", "shortener", "by hand", "CC0-1.0", ("go.example", "s.example")),
        Listed("ranges", "vpn", "by hand", "CC0-1.0", ("93.184.216.0/24", "2a02:2e0::/32")),
        Listed("files", "file", "by hand", "CC0-1.0", (f"md5:{'ab' * 16}",)),
    ]
    return write_pack("2026-11-24", lists)


STIX: Final = (
    (
        b'{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","id":"i1","pattern_type":"stix",'
        b'"pattern":"[url:value IN (\'http://a.example/x\', \'b\') OR file:hashes.MD5 = \'aa\']","labels":["x"],'
        b'"indicator_types":["malicious-activity"],"confidence":80,"valid_until":"2030-01-01T00:00:00Z",'
        b'"object_marking_refs":["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]}]}'
    ),
    (
        b'{"type":"bundle","objects":[{"type":"file","id":"f","hashes":{"MD5":"aa","x":"y"}},{"type":"url","value":"u"},'
        b'{"type":"user-account","account_type":"x","account_login":"somebody"},{"type":"malware"},'
        b'{"type":"marking-definition","id":"m","definition_type":"tlp","definition":{"tlp":"amber"}}]}'
    ),
)
STIX_PATTERNS: Final = (
    b"[url:value = 'http://a.example/' OR domain-name:value IN ('b', 'c')] OR [file:hashes.'SHA-256' = 'x']",
    b"[user-account:account_type = 'twitter' AND user-account:account_login = 'it\\'s \\\\']",
    b"[(a:b = 'x' OR (c:d = 'y'))]",
)
MISP: Final = (
    (
        b'{"Event":{"info":"x","distribution":"3","Tag":[{"name":"tlp:green"}],"Attribute":[{"type":"url","value":"u",'
        b'"to_ids":true,"uuid":"1"},{"type":"domain|ip","value":"a.example|198.51.100.7","to_ids":true,'
        b'"first_seen":"2026-01-01T00:00:00+00:00"}],"Object":[{"name":"user-account","Attribute":[{"type":"text",'
        b'"object_relation":"username","value":"x","to_ids":true}]}]}}'
    ),
    b'{"response":[{"Event":{"Attribute":[{"type":"md5","value":"aa","to_ids":"1","deleted":false}]}}]}',
)
THREATEXCHANGE: Final = (
    (
        b'{"data":[{"id":"1","type":"UNCLICKABLE_URL","raw_indicator":"[h]ttp://a.example/","status":"MALICIOUS",'
        b'"severity":"SEVERE","share_level":"AMBER","privacy_type":"VISIBLE","tags":{"data":[{"text":"x"}]},'
        b'"expired_on":"2030-01-01T00:00:00+0000"}],"paging":{}}'
    ),
    b'[{"type":"HASH_MD5","indicator":{"indicator":"aa"},"confidence":50}]',
)
