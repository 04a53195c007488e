"""The address of an HTTP server, as a setting gives it; what is wrong is said without it."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def check_http_address(text: str) -> str:
    """Return an address that can be read; raises ValueError, which does not repeat it."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError("write the address like https://example.com")
    return text


HttpAddress = Annotated[str, AfterValidator(check_http_address)]
AnyOrNoAddress = Annotated[str, AfterValidator(lambda text: text and check_http_address(text))]
"""The same, or an empty text for none."""
