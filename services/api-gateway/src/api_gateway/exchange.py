"""One request on its way through the gateway: what is known of it so far."""

from starlette.types import Receive, Scope, Send

from api_gateway.keystore import AcceptedKey
from api_gateway.rate_limit import Fields
from api_gateway.request_head import RequestHead

UNKNOWN = "unknown"


class Exchange:
    """A request, its head once it was read, its key once it proved itself."""

    __slots__ = ("fields", "head", "key", "receive", "scope", "send", "unread")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.head: RequestHead | None = None
        self.key: AcceptedKey | None = None
        self.fields: Fields | tuple[()] = ()
        self.unread = True

    @property
    def actor(self) -> str:
        """Return whose key it is, as `merchant/key`; UNKNOWN when none proved itself."""
        return self.key.actor if self.key is not None else UNKNOWN

    @property
    def asks_head(self) -> bool:
        """Whether only the head of an answer is wanted."""
        return bool(self.scope["method"] == "HEAD")

    def target(self) -> str:
        """Return the path and query as they came."""
        path: bytes = self.scope["raw_path"]
        query: bytes = self.scope["query_string"]
        return (path + b"?" + query if query else path).decode("ascii")

    def leaves_much_unread(self, limit: int) -> bool:
        """Whether more of the body may come than is worth waiting for.

        The server discards what is left of a short body; a long or endless one would be read to
        its end for nothing.
        """
        head = self.head
        return self.unread and head is not None and (head.chunked or head.content_length > limit)
