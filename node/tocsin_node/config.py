"""HOME/tocsin.toml: what the file says -> checked -> one frozen typed `Config`.

Rules:

1. Every key except `organisation` and `role` has a default; unknown keys are errors.
2. An error names the file and the key's path, and everything wrong in one file is told at once.
3. `CHANGES` says for every key whether `tocsin reload` may change it; the exchange port is fixed at `init`.

It reads no environment and no keys: see `keys`. `deploy/tocsin.example.toml` comments every key.
"""

import ipaddress
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass as checked
from pydantic_core import ErrorDetails

from tocsin_node.errors import Invalid, Misconfigured
from tocsin_node.limits import CONFIG_BYTES, HEARTBEAT_S, RADIUS_SUBJECTS, SILENCE_S
from tocsin_node.names import local_name, organisation_id
from tocsin_signals.errors import Rejected
from tocsin_signals.guard import WARNING_RULES
from tocsin_signals.types import MAX_LIFETIME_DAYS, by_name

Role = Literal["platform", "hotline", "ngo", "financial", "police", "other"]
DAY_MS: Final = 24 * 3600 * 1000


@checked(frozen=True, slots=True)
class Address:
    """A host (name or address, IPv6 without brackets) and a port from 1 to 65535."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, free: bool = False) -> Self:
        """From `host:port` or `[v6]:port`; `free` lets port 0 through, for one the system chooses. ValueError."""
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        bracketed = host.startswith("[") and host.endswith("]")
        if not colon or not bare or bracketed != (":" in bare) or any(c.isspace() or c in "/[]@" for c in bare):
            raise ValueError("is not host:port, such as 192.0.2.7:7443 or [2001:db8::7]:7443")
        least = 0 if free else 1
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and least <= int(port) < 65536):
            raise ValueError(f"has no port from {least} to 65535")
        return cls(bare, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def _address(value: object) -> object:
    return Address.parse(value) if isinstance(value, str) else value


def _free_address(value: object) -> object:
    return Address.parse(value, free=True) if isinstance(value, str) else value


def _numeric(address: Address) -> Address:
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        raise ValueError("listens on an IP address of this machine, not on a name") from None
    return address


def _loopback(address: Address) -> Address:
    if not address.loopback:
        raise ValueError("may only be a loopback address such as 127.0.0.1:7400: its bearer tokens travel unencrypted")
    return address


def _organisation(value: str) -> str:
    try:
        return organisation_id(value, "it")
    except Invalid as error:
        raise ValueError(str(error).removeprefix("it ")) from None


def _audience_name(value: str) -> str:
    try:
        return local_name(value, "it")
    except Invalid as error:
        raise ValueError(str(error).removeprefix("it ")) from None


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("names the same organisation twice")
    return values


def _frozen(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(values))


def _warning_rule(value: str) -> str:
    if value not in WARNING_RULES:
        raise ValueError(f"is not a rule of the guard that warns: {', '.join(WARNING_RULES)}")
    return value


RuleName = Annotated[str, AfterValidator(_warning_rule)]
OrganisationId = Annotated[str, AfterValidator(_organisation)]
AnyAddress = Annotated[Address, BeforeValidator(_address)]
Members = Annotated[tuple[OrganisationId, ...], Field(max_length=1024, strict=False), AfterValidator(_distinct)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Exchange(_Table):
    """The listener for peers."""

    listen: Annotated[AnyAddress, AfterValidator(_numeric)] | None = None
    endpoints: Annotated[tuple[AnyAddress, ...], Field(max_length=8, strict=False)] = ()
    heartbeat_seconds: Annotated[int, Field(ge=1, le=int(HEARTBEAT_S))] = int(HEARTBEAT_S)
    silence_seconds: Annotated[int, Field(ge=2, le=600)] = int(SILENCE_S)


class Local(_Table):
    """The listener for the organisation's own applications, beside the unix socket."""

    tcp: Annotated[AnyAddress, AfterValidator(_numeric), AfterValidator(_loopback)] | None = None


class Web(_Table):
    """The HTTP listener: health and metrics, without authentication."""

    listen: Annotated[Address, BeforeValidator(_free_address), AfterValidator(_numeric)] | None = None
    allow_remote: bool = False

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.listen and not self.listen.loopback and not self.allow_remote:
            raise ValueError(
                ".listen may only be a loopback address such as 127.0.0.1:7480, unless web.allow_remote = true: "
                "whoever reaches it reads the names of feeds and peers and all counts without a token"
            )
        return self


class Silence(_Table):
    """When a quiet feed loses weight."""

    max_silence_days: Annotated[int, Field(ge=1, le=365)] = 7

    @property
    def max_silence_ms(self) -> int:
        """The same in milliseconds."""
        return self.max_silence_days * DAY_MS


def _type_name(value: str) -> str:
    try:
        return by_name(value).name
    except Rejected as error:
        raise ValueError(f"is not a type of signal: {error.sentence}") from None


class GuardTable(_Table):
    """The never-share guard: own lists, and how many own users a signal may hit."""

    own: Annotated[str, Field(max_length=1024)] = ""
    pack: Annotated[str, Field(max_length=1024)] = ""
    block: Annotated[tuple[RuleName, ...], Field(max_length=64, strict=False)] = ()
    radius_days: Annotated[int, Field(ge=1, le=365)] = 30
    radius_limit: Annotated[int, Field(ge=1, lt=RADIUS_SUBJECTS)] = 50


class Probes(_Table):
    """Whether peers' canonical forms are compared with ours, and probe signals kept for theirs."""

    enabled: bool = True


class Log(_Table):
    """The log on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(_Table):
    """Everything a node is told by its file."""

    organisation: OrganisationId
    role: Role
    exchange: Exchange = Exchange()
    local: Local = Local()
    web: Web = Web()
    audiences: Annotated[
        Mapping[Annotated[str, AfterValidator(_audience_name)], Members],
        Field(max_length=256, default_factory=dict),
        AfterValidator(_frozen),
    ]
    silence: Silence = Silence()
    lifetimes: Annotated[
        Mapping[Annotated[str, AfterValidator(_type_name)], Annotated[int, Field(ge=1, le=MAX_LIFETIME_DAYS)]],
        Field(default_factory=dict),
        AfterValidator(_frozen),
    ]
    guard: GuardTable = GuardTable()
    probes: Probes = Probes()
    log: Log = Log()

    @property
    def endpoints(self) -> tuple[Address, ...]:
        """Where peers are told to connect: the endpoints given, else the listening address."""
        return self.exchange.endpoints or ((self.exchange.listen,) if self.exchange.listen else ())


class Change(StrEnum):
    """When a changed key may take effect."""

    NOW = "at reload"
    RESTART = "at restart"
    NEVER = "never"


CHANGES: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "organisation": Change.NEVER,  # keys, origins and pins carry it
        "role": Change.RESTART,  # the card says it: renewed at start
        "exchange.listen": Change.RESTART,
        "exchange.endpoints": Change.NOW,  # in the next card
        "exchange.heartbeat_seconds": Change.RESTART,
        "exchange.silence_seconds": Change.RESTART,
        "local.tcp": Change.RESTART,
        "web.listen": Change.RESTART,
        "web.allow_remote": Change.RESTART,
        "audiences": Change.NOW,
        "silence.max_silence_days": Change.NOW,
        "lifetimes": Change.NOW,  # of what is published or revised from then on
        "guard.own": Change.NOW,  # the file is read again at every reload
        "guard.pack": Change.NOW,
        "guard.block": Change.NOW,
        "guard.radius_days": Change.NOW,
        "guard.radius_limit": Change.NOW,
        "probes.enabled": Change.NOW,
        "log.level": Change.NOW,
    }
)
"""Every key: when a change takes effect."""


def parse_config(data: bytes, where: str) -> Config:
    """The checked configuration in TOML bytes; Misconfigured names `where` and each key's path."""
    if len(data) > CONFIG_BYTES:
        raise Misconfigured(f"{where}: {len(data)} bytes are more than the {CONFIG_BYTES} of a configuration")
    try:
        tree = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise Misconfigured(f"{where}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{where}: {_lower(str(error))}") from None
    except RecursionError:
        raise Misconfigured(f"{where}: nested too deeply") from None
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        told = (_sentence(item) for item in error.errors(include_url=False, include_input=False))
        raise Misconfigured(f"{where}: {'; '.join(dict.fromkeys(told))}") from None


def load_config(path: Path) -> Config:
    """The checked configuration of a file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path}: {_lower(error.strerror or 'cannot be read')}") from None
    return parse_config(data, str(path))


def reload_changes(old: Config, new: Config, where: str) -> tuple[str, ...]:
    """The keys that a reload changes; Misconfigured, and nothing may be applied, when one of them cannot."""
    before, after = _flat(old), _flat(new)
    changed = tuple(key for key in CHANGES if before[key] != after[key])
    for key in changed:
        if CHANGES[key] is Change.NEVER:
            raise Misconfigured(f"{where}: {key} cannot change in the life of a node")
        if CHANGES[key] is Change.RESTART:
            raise Misconfigured(f"{where}: {key} changes only at a restart")
    return changed


def _flat(config: Config) -> dict[str, object]:
    found: dict[str, object] = {}
    for key in CHANGES:
        value: object = config
        for part in key.split("."):
            value = getattr(value, part)
        found[key] = value
    return found


def _sentence(item: ErrorDetails) -> str:
    parts = [str(part) for part in item["loc"] if part != "[key]"]
    key = ".".join(parts)
    match item["type"]:
        case "missing":
            return f"{key} is missing"
        case "extra_forbidden":
            return f"{key} is not a known key"
        case "value_error":
            said = str(item["ctx"]["error"] if "ctx" in item else item["msg"])
            return f"{key}{said}" if said.startswith(".") else f"{key} {said}"
        case "literal_error":
            return f"{key} is not one of {item['ctx']['expected'] if 'ctx' in item else 'the known words'}"
        case "string_type" | "int_type" | "tuple_type" | "dict_type" | "dataclass_type" | "model_type":
            return f"{key} is of the wrong kind: {_lower(item['msg'])}"
        case _:
            return f"{key}: {_lower(item['msg'])}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
