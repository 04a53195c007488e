"""Reads the URL of a database as managed services, operators and libpq print it.

`sqlite:///path.db` is a file. `postgresql://`, `postgres://` and SQLAlchemy's `postgresql+asyncpg://`
are one server, or several of which one takes writes, with libpq's parameters
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS): asyncpg reads
those of TLS and the like itself, and what it would take for a setting of the server is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ssl import get_default_verify_paths
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from asyncpg.connect_utils import SSLMode

from kurs.kernel.settings import CannotRun

_SQLITE = "sqlite"
_POSTGRESQL = frozenset({"postgresql", "postgres", "postgresql+asyncpg", "postgres+asyncpg"})
# Of libpq, with no meaning for asyncpg, or set by `Limits` (kurs.data.limits).
_LEFT_OUT = frozenset(
    {
        *("channel_binding", "client_encoding", "connect_timeout", "fallback_application_name"),
        *("gssdelegation", "gssencmode", "keepalives", "keepalives_count", "keepalives_idle"),
        *("keepalives_interval", "load_balance_hosts", "require_auth", "sslcompression", "sslsni"),
        *("tcp_user_timeout", "prepared_statement_cache_size", "pgbouncer", "hostaddr"),
    }
)
_WRITABLE = "target_session_attrs"


class UrlUnfit(CannotRun):
    """The URL of a database cannot be used; the message never has its password."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is: a file, or a URL for asyncpg per server that may have it."""

    backend: str
    path: str = ""
    servers: tuple[str, ...] = ()
    place: str = ""
    """What to call it, without who asks."""


def read_address(url: str) -> Address:
    """Return where a database is; raises UrlUnfit."""
    try:
        parts = urlsplit(url.strip())
        query = parse_qsl(parts.query)
    except ValueError as error:
        raise UrlUnfit(f"the URL of the database cannot be read: {error}") from None
    if parts.scheme == _SQLITE:
        return _file(parts)
    if parts.scheme not in _POSTGRESQL:
        named = repr(parts.scheme) if parts.scheme else "a URL without a scheme"
        raise UrlUnfit(
            f"{named} is no database of ours: use sqlite:///var/x.db or postgresql://host/database"
        )
    return _server(parts, query)


def _file(parts: SplitResult) -> Address:
    # As SQLAlchemy has it: three slashes before a relative path, four before an absolute one.
    path = unquote(parts.path[1:])
    if parts.netloc or not path or path == ":memory:":
        raise UrlUnfit("SQLite needs a file, such as sqlite:///var/wallet.db")
    return Address(_SQLITE, path=path, place=f"the database {path}")


def _server(parts: SplitResult, query: Sequence[tuple[str, str]]) -> Address:
    who, at, netloc = parts.netloc.rpartition("@")
    asked = dict(query)
    hosts = [h for name, value in query if name == "host" for h in value.split(",")]
    ports = asked.get("port", "").split(",")
    kept = {k: v for k, v in asked.items() if k not in _LEFT_OUT and k not in {"host", "port"}}
    _check_tls(kept)
    if not hosts:
        hosts = netloc.split(",") if netloc else []
        ports = [""]
    if len(hosts) > 1:
        kept.setdefault(_WRITABLE, "read-write")
    database = unquote(parts.path[1:]) or kept.get("dbname", "") or kept.get("database", "")
    if not database:
        raise UrlUnfit("the URL of the database names none: postgresql://host/database")
    servers = tuple(
        _dsn(who + at, host, ports[min(i, len(ports) - 1)], parts.path, kept)
        for i, host in enumerate(hosts or [""])
    )
    _check_ports([*(h for h in hosts if not h.startswith(("/", "@"))), *(f":{p}" for p in ports)])
    where = ", ".join(hosts) or "localhost"
    return Address("postgresql", servers=servers, place=f"the database {database} at {where}")


def _check_ports(places: Sequence[str]) -> None:
    try:
        known = all(urlsplit(f"//{place}").port != 0 for place in places)
    except ValueError:
        known = False
    if not known:
        # What stands there is not told: it is of a password with a slash that is not escaped.
        raise UrlUnfit(
            "the port of the database's server is no number from 1 to 65535; "
            "in a password, write / as %2F, ? as %3F, # as %23 and @ as %40"
        )


def _check_tls(query: dict[str, str]) -> None:
    # SQLAlchemy's dialect and some services write `ssl` for libpq's `sslmode`.
    mode = query.pop("ssl", None)
    if mode is not None:
        query.setdefault("sslmode", {"true": "require", "false": "disable"}.get(mode, mode))
    mode = query.get("sslmode")
    modes = [each.name.replace("_", "-") for each in SSLMode]
    if query.get("sslrootcert") == "system":
        query["sslrootcert"] = get_default_verify_paths().openssl_cafile
    if mode is not None and mode not in modes:
        raise UrlUnfit(f"sslmode={mode} of the database is none of {', '.join(modes)}")


def _dsn(who: str, host: str, port: str, path: str, query: dict[str, str]) -> str:
    if host.startswith(("/", "@")):
        # A folder of Unix sockets has no place before the path of a URL.
        query = {**query, "host": host, **({"port": port} if port else {})}
        host = ""
    elif port:
        host = f"{host}:{port}"
    return f"postgresql://{who}{host}{path}" + (f"?{urlencode(query)}" if query else "")
