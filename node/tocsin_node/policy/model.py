"""One peer's policy: a TOML file -> checked -> frozen `Policy`. Architecture section 6; reference peers 3.6.

    peer = "hotline.example"            # or "self": this node's own feeds

    [[refuse]]                          # any that matches -> ignore, whatever the rules say
    abuse_types = ["tvec"]

    [[rule]]                            # the first that matches gives the effect; none -> ignore
    name = "reviewed-urls"              # optional, shown in verdicts; else rule[0], refuse[0] ...
    effect = "enforce"                  # enforce, review, shadow or ignore
    types = ["url", "url-prefix"]
    min_review_level = "two_humans"
    max_age_days = 90                   # counts from issued_at

    [cap]                               # lowers whatever the rules gave, never raises
    effect = "review"
    max_age_days = 365

    [send]                              # which of our feeds the peer may follow, if it is in their audience too
    feeds = ["urls"]

Conditions, the same for refuse and rule; all that are given must hold, and at least one must be given:

- `feeds` (local names, `urls` of `hotline.example/feed/urls`) and `types` say which signals are meant.
- A list named like a key of the details (`stance`, `abuse_types`, `basis`, `purposes`, `jurisdiction`, `legal_basis`,
  `tags`) holds when it shares one word with what the publisher says. `jurisdiction` US holds for US-CA too.
- `min_X` and `max_X` (severity, confidence, review_level, tlp) hold when the publisher's place on that scale is not
  below, not above.
- What the publisher does not say, or says in words this version does not know, satisfies no condition. So demand things
  in a rule ("at least medium"), not in a refuse ("refuse below medium" lets silence through).

An unknown key or word is an error that names its path; everything wrong in a file is told at once. Nothing here reads
files, and nothing is decided here: see `decide`.
"""

import hashlib
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from tocsin_node.errors import Invalid, Misconfigured
from tocsin_node.limits import POLICY_BYTES
from tocsin_node.names import SELF, local_name, organisation_id
from tocsin_node.policy.effect import Effect
from tocsin_signals import vocab
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_name

MAX_RULES: Final = 256  # of each kind in one file: every distinct details object is held against all of them
MAX_WORDS: Final = 64  # in one list
MAX_AGE_DAYS: Final = 5 * 365  # no signal lives longer
DEFAULT_DENY: Final = "default-deny"  # stands where a rule's name would, when none matched
SCALES: Final = ("severity", "confidence", "review_level", "tlp")  # each with a min_ and a max_ condition
_DAY_MS: Final = 24 * 3600 * 1000

Result = TypeVar("Result")


class PolicyErrors(Misconfigured):
    """A policy file is wrong; one sentence for each thing that is."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


def _each(check: Callable[[str], object]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    def checked(words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            _told(check, word)
        return words

    return checked


def _rank(vocabulary: vocab.Vocabulary) -> Callable[[object], int]:
    return lambda word: vocabulary.rank(_told(vocabulary.check, word))


def _told(check: Callable[[Any], Result], word: object) -> Result:
    """What `check` returns; its refusal as the ValueError that pydantic gathers."""
    try:
        return check(word)
    except Rejected as error:
        raise ValueError(error.sentence) from None
    except Invalid as error:
        raise ValueError(str(error)) from None


def _feed(name: str) -> str:
    return local_name(name, "a feed")


def _sent_feed(name: str) -> str:
    publisher, slash, local = name.partition("/feed/")
    if not slash:
        return _feed(name)
    return f"{organisation_id(publisher, 'the publisher of a feed')}/feed/{_feed(local)}"


def _rule_name(name: str) -> str:
    if name == DEFAULT_DENY:
        raise ValueError(f"{DEFAULT_DENY} is what the absence of a rule is called")
    return _told(lambda text: local_name(text, "a rule's name"), name)


def _effect(word: object) -> Effect:
    if isinstance(word, str) and word in _EFFECTS:
        return _EFFECTS[word]
    raise ValueError(f"effect must be one of: {', '.join(_EFFECTS)}.")


def _peer(peer: str) -> str:
    return peer if peer == SELF else _told(organisation_id, peer)


_EFFECTS: Final = {str(effect): effect for effect in reversed(Effect)}
_AnyEffect = Annotated[Effect, BeforeValidator(_effect)]
_Days = Annotated[int, Field(ge=1, le=MAX_AGE_DAYS)]
_Percent = Annotated[int, Field(ge=0, le=100)]
_Severity = Annotated[int, BeforeValidator(_rank(vocab.SEVERITY))]
_ReviewLevel = Annotated[int, BeforeValidator(_rank(vocab.REVIEW_LEVEL))]
_Tlp = Annotated[int, BeforeValidator(_rank(vocab.TLP))]
_Text = Annotated[str, Field(max_length=256)]
_Words = Annotated[tuple[_Text, ...], Field(min_length=1, max_length=MAX_WORDS, strict=False)]
_Feeds = Annotated[_Words, AfterValidator(_each(_feed))]
_SentFeeds = Annotated[_Words, AfterValidator(_each(_sent_feed))]
_Types = Annotated[_Words, AfterValidator(_each(by_name))]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Conditions(_Table):
    """What a refuse or rule demands; scales are held as places on them, 0 being the least."""

    feeds: _Feeds = ()
    types: _Types = ()
    stance: Annotated[_Words, AfterValidator(_each(vocab.STANCE.check))] = ()
    abuse_types: Annotated[_Words, AfterValidator(_each(vocab.ABUSE_TYPES.check))] = ()
    basis: Annotated[_Words, AfterValidator(_each(vocab.BASIS.check))] = ()
    purposes: Annotated[_Words, AfterValidator(_each(vocab.PURPOSES.check))] = ()
    jurisdiction: Annotated[_Words, AfterValidator(_each(vocab.check_jurisdiction))] = ()
    legal_basis: Annotated[_Words, AfterValidator(_each(vocab.check_legal_basis))] = ()
    tags: _Words = ()
    min_severity: _Severity | None = None
    max_severity: _Severity | None = None
    min_confidence: _Percent | None = None
    max_confidence: _Percent | None = None
    min_review_level: _ReviewLevel | None = None
    max_review_level: _ReviewLevel | None = None
    min_tlp: _Tlp | None = None
    max_tlp: _Tlp | None = None

    @cached_property
    def given(self) -> tuple[tuple[str, tuple[str, ...] | int], ...]:
        """The conditions that the file gives, by key, in the order above."""
        found = ((key, getattr(self, key)) for key in Conditions.model_fields)
        return tuple((key, value) for key, value in found if value not in (None, ()))

    @model_validator(mode="after")
    def _demands_something(self) -> "Conditions":
        given = {key: getattr(self, key) for key in Conditions.model_fields}
        if not self.given:
            raise ValueError('has no condition; to mean everything of some feeds, say so: feeds = ["..."]')
        for key in SCALES:
            least, most = given[f"min_{key}"], given[f"max_{key}"]
            if least is not None and most is not None and least > most:
                raise ValueError(f"can never match: min_{key} is above max_{key}")
        return self


class Refusal(Conditions):
    """Signals of which nothing is wanted."""

    name: Annotated[str, AfterValidator(_rule_name)] = ""
    note: Annotated[str, Field(max_length=1024)] = ""


class Rule(Refusal):
    """The effect of the signals it matches, as long as they are not older than `max_age_days`."""

    effect: _AnyEffect
    max_age_days: _Days | None = None

    @property
    def max_age_ms(self) -> int | None:
        """The same in milliseconds."""
        return None if self.max_age_days is None else self.max_age_days * _DAY_MS


class Cap(_Table):
    """The most any signal of this peer may do."""

    effect: _AnyEffect = Effect.ENFORCE
    max_age_days: _Days | None = None

    @property
    def max_age_ms(self) -> int | None:
        """The same in milliseconds."""
        return None if self.max_age_days is None else self.max_age_days * _DAY_MS


class Send(_Table):
    """Feeds the peer may follow if it is in their audience too: own ones by local name, served on by full origin."""

    feeds: _SentFeeds = ()


class _File(_Table):
    peer: Annotated[str, AfterValidator(_peer)]
    refuse: Annotated[tuple[Refusal, ...], Field(max_length=MAX_RULES, strict=False)] = ()
    rule: Annotated[tuple[Rule, ...], Field(max_length=MAX_RULES, strict=False)] = ()
    cap: Cap = Cap()
    send: Send = Send()

    @model_validator(mode="after")
    def _is_one_policy(self) -> "_File":
        names = Counter(item.name for item in (*self.refuse, *self.rule) if item.name)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"the name {twice[0]} is given twice")
        if self.peer == SELF and self.send.feeds:
            raise ValueError("send: a node sends nothing to itself")
        return self


@dataclass(frozen=True, slots=True)
class Policy:
    """What this node believes of one peer, and which feeds that peer may follow here."""

    peer: str
    refusals: tuple[Refusal, ...]
    rules: tuple[Rule, ...]
    cap: Cap
    send: Send
    digest: bytes  # SHA-256 of the file as given: what the audit log names


def parse_policy(data: bytes, where: str) -> Policy:
    """The policy in a file's bytes; PolicyErrors, a sentence with `where` and the key's path for each thing wrong."""
    if len(data) > POLICY_BYTES:
        raise PolicyErrors((f"{where}: {len(data)} bytes are more than the {POLICY_BYTES} of a policy",))
    try:
        file = _File.model_validate(tomllib.loads(data.decode("utf-8")))
    except UnicodeDecodeError:
        raise PolicyErrors((f"{where}: not UTF-8",)) from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyErrors((f"{where}: {error}",)) from None
    except RecursionError:
        raise PolicyErrors((f"{where}: nested too deeply",)) from None
    except ValidationError as error:
        found = (_sentence(item) for item in error.errors(include_url=False, include_input=False))
        raise PolicyErrors(tuple(f"{where}: {sentence}" for sentence in dict.fromkeys(found))) from None
    return Policy(
        peer=file.peer,
        refusals=tuple(item.model_copy(update=_named(item, f"refuse[{i}]")) for i, item in enumerate(file.refuse)),
        rules=tuple(item.model_copy(update=_named(item, f"rule[{i}]")) for i, item in enumerate(file.rule)),
        cap=file.cap,
        send=file.send,
        digest=hashlib.sha256(data).digest(),
    )


def default_text(peer: str) -> bytes:
    """The policy that counts where the operator gave none: a peer's says no both ways, `self` asks for review.

    What the organisation itself publishes as harmful or suspected shows up for review in its own applications, its
    benign signals hold, its tests stay in the shadow. `enforce` is for the operator to say.
    """
    text = f'peer = "{peer}"\n'
    if peer == SELF:
        text += '\n[[rule]]\nname = "own"\neffect = "review"\nstance = ["harmful", "suspected", "benign", "test"]\n'
    return text.encode()


def default_policy(peer: str) -> Policy:
    """`default_text`, parsed."""
    return parse_policy(default_text(peer), "default policy")


def _named(item: Refusal, place: str) -> dict[str, str]:
    return {"name": item.name or place}


def _sentence(item: ErrorDetails) -> str:
    path = ""
    for part in item["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    match item["type"]:
        case "missing":
            told = "is missing"
        case "extra_forbidden":
            told = "is not a known key"
        case "value_error":
            told = str(item["ctx"]["error"]) if "ctx" in item else item["msg"]
        case _:
            told = item["msg"][:1].lower() + item["msg"][1:]
    return f"{path}: {told}" if path else told
