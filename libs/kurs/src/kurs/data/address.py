"""Reads the URL of a database as managed services, operators and libpq print it.

`sqlite:///path.db` is a file. `postgresql://`, `postgres://` and SQLAlchemy's `postgresql+asyncpg://`
are one server, or several of which one takes writes, with libpq's parameters
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS): asyncpg reads
those of TLS and the like itself, and what it would take for a setting of the server is left out.

What a library says of a URL may repeat its password, so everything is checked here first: an
unencoded `/` in a password ends the part with the hosts, and what is before it would be a port.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ssl import get_default_verify_paths
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from asyncpg.connect_utils import SessionAttribute, SSLMode

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
_LABEL = "[A-Za-z0-9_-]{1,63}"
_FOLDER = "(?:/|%2[Ff]|@|%40).*"
"""Of Unix sockets, or a name of one without a file."""
_HOST = re.compile(
    rf"(?:(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])?(?::(?P<port>.*))?|{_FOLDER})"
)
_LAST_PORT = 65_535
_UNREADABLE = (
    "the URL of the database has a host or a port that is none; "
    "in a password write / @ : ? # as %2F %40 %3A %3F %23"
)


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
    except ValueError:
        raise UrlUnfit(_UNREADABLE) from None
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
    if parts.netloc or not path or path == ":memory:" or "\0" in path:
        raise UrlUnfit("SQLite needs a file, such as sqlite:///var/wallet.db")
    return Address(_SQLITE, path=path, place=f"the database {path}")


def _server(parts: SplitResult, query: Sequence[tuple[str, str]]) -> Address:
    who, at, netloc = parts.netloc.rpartition("@")
    asked = dict(query)
    hosts = [h for name, value in query if name == "host" for h in value.split(",")]
    ports = asked.get("port", "").split(",")
    kept = {k: v for k, v in asked.items() if k not in _LEFT_OUT and k not in {"host", "port"}}
    if not hosts:
        hosts = netloc.split(",") if netloc else []
    if "@" in parts.path or parts.fragment or not (_are_hosts(hosts) and _are_ports(ports)):
        raise UrlUnfit(_UNREADABLE)
    if any(ports) and any(map(_port_of, hosts)):
        raise UrlUnfit("the URL of the database has a port behind its host, and one as port=")
    _check_parameters(kept)
    if len(hosts) > 1:
        kept.setdefault(_WRITABLE, "read-write")
    database = unquote(parts.path[1:]) or kept.get("dbname", "") or kept.get("database", "")
    if not database:
        raise UrlUnfit("the URL of the database names none: postgresql://host/database")
    servers = tuple(
        _dsn(who + at, host, ports[min(i, len(ports) - 1)], parts.path, kept)
        for i, host in enumerate(hosts or [""])
    )
    where = ", ".join(hosts) or "localhost"
    return Address("postgresql", servers=servers, place=f"the database {database} at {where}")


def _are_hosts(hosts: Sequence[str]) -> bool:
    return all(map(_HOST.fullmatch, hosts)) and _are_ports([_port_of(host) for host in hosts])


def _port_of(host: str) -> str:
    found = _HOST.fullmatch(host)
    return (found and found["port"]) or ""


def _are_ports(ports: Sequence[str]) -> bool:
    """Tell whether each is a port, or left out."""
    return all(
        not port or (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) <= _LAST_PORT)
        for port in ports
    )


def _check_parameters(query: dict[str, str]) -> None:
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
    wanted, known = query.get(_WRITABLE), [each.value for each in SessionAttribute]
    if wanted is not None and wanted not in known:
        raise UrlUnfit(f"{_WRITABLE}={wanted} of the database is none of {', '.join(known)}")


def _dsn(who: str, host: str, port: str, path: str, query: dict[str, str]) -> str:
    if host.startswith(("/", "@")):
        # A folder of Unix sockets has no place before the path of a URL.
        query = {**query, "host": host, **({"port": port} if port else {})}
        host = ""
    elif port and host:
        host = f"{host}:{port}"
    elif port:
        query = {**query, "port": port}
    return f"postgresql://{who}{host}{path}" + (f"?{urlencode(query)}" if query else "")
