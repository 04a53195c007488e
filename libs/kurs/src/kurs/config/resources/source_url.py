"""The address of a rate source or a destination: what it may look like, and where a key goes.

A host is a name or an address in its one usual form. What else resolvers take for an address
(`2130706433`, `0x7f.1`, `0177.0.0.1`) is refused here and does not depend on what a client makes
of it; a host whose last label is a number is one of these (URL Standard, "ends in a number").
"""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from kurs.config.resources.scalars import wrong

PLACEHOLDER = "${secret}"
"""Stands in the query for the value of the secret, which is put in for the request alone."""
KEY_PARAMETER = (
    "[?&][a-z0-9_.-]*(key|token|secret|passwd|password|auth|signature|appid|app_id|app_code)="
)
"""A parameter that is given a key, in lower case."""
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_NAME = re.compile(rf"({_LABEL}\.)*{_LABEL}\.?")
_LONGEST_NAME = 253
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)\.?")
_KEY = re.compile(KEY_PARAMETER)
_HINT = "write an absolute URL such as https://example.org/path"


def check_source_url(url: str) -> str:
    """Return the `url` of a rate source; raises a finding that does not repeat it."""
    _check_address(url)
    _check_placeholder(url)
    hint = f"write {PLACEHOLDER} in its place, and the Secret in secretRef"
    _refuse_keys(url.replace("=" + PLACEHOLDER, ""), hint)
    return url


def check_destination_url(url: str) -> str:
    """Return the `url` of a destination; raises a finding that does not repeat it."""
    _check_address(url)
    if "${" in url:
        raise wrong("no secret goes into the URL", "what is sent is signed; see secretRef")
    _refuse_keys(url, "remove it: what is sent is signed; see secretRef")
    return url


def _check_address(url: str) -> None:
    """Raise a finding unless `url` is an address that all read alike; it may hold a password."""
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise wrong("a URL has no spaces, control or non-ASCII characters", _HINT)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong("the URL cannot be read", _HINT) from None
    if parts.scheme not in ("http", "https") or not host:
        raise wrong("the URL has no http or https scheme, or no host", _HINT)
    if parts.username is not None or parts.password is not None:
        raise wrong("a URL may not carry credentials", "put them in a Secret; use secretRef")
    if not is_plain_host(host):
        hint = "write its name, or its address in the usual form, such as 192.0.2.7"
        raise wrong("the host is neither a name nor an address", hint)
    if parts.fragment:
        raise wrong("the URL has a #fragment, which is never sent", _HINT)


def is_plain_host(host: str) -> bool:
    """Tell whether `host` is a name, or an address that everybody reads alike; IPv6 unbracketed."""
    last = host[host.rstrip(".").rfind(".") + 1 :]
    if ":" not in host and not _NUMBER.fullmatch(last):
        return len(host) <= _LONGEST_NAME and _NAME.fullmatch(host) is not None
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # Of IPv6 every form is read alike, but for one with the name of an interface.
    return str(address) == host if address.version == 4 else "%" not in host


def takes_secret(url: str) -> bool:
    """Tell whether the secret goes into the query."""
    return PLACEHOLDER in url


def _check_placeholder(url: str) -> None:
    if PLACEHOLDER in url.split("?", maxsplit=1)[0]:
        raise wrong(f"{PLACEHOLDER} stands outside of the query", "write it after the ?")
    if "${" in url.replace(PLACEHOLDER, ""):
        raise wrong("an unknown placeholder stands in the URL", f"the only one is {PLACEHOLDER}")


def _refuse_keys(url: str, hint: str) -> None:
    if _KEY.search(url.lower()):
        raise wrong("a key stands in the query, where everybody can read it", hint)
