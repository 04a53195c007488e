"""One HTTP/1.1 connection whose client can neither fill the memory nor stay for ever.

uvicorn's protocol reads a head of any size and waits for it without end. Here a request's bytes are
counted while it is not whole, and a moment is set by which the next step must be done; the port
looks at that moment twice a second. A request that comes whole costs four comparisons.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from kurs.kernel.errors import PROBLEM_MEDIA_TYPE, Problem, RequestTimeout
from kurs.web.serving.head import check_head, check_size, has_body
from kurs.web.serving.port import Port
from kurs.web.serving.refusals import (
    MAX_HEAD_BYTES,
    MAX_PIPELINED,
    FramingTooLarge,
    HeadTooLarge,
    MalformedRequest,
    TooManyConnections,
    TooManyPipelined,
)

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 8 * 1024 * 1024
_SLOW_READER = "slow_reader"


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, bounded by its port.

    `_due` is when the client must have done the next step, in the loop's time; 0 while it waits for
    an answer. `_pending` counts the bytes that came since a head, a piece of a body or a message
    was whole.
    """

    # Beside a dictionary of thirty members every access to it would be slower.
    __slots__ = (
        "_bounds",
        "_deaf",
        "_discarded",
        "_due",
        "_feeding",
        "_in_body",
        "_in_head",
        "_pending",
        "_port",
        "_refusal",
        "_resting",
        "_said",
        "_unread_by",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        port: Port,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        if port.app is not None:
            self.app = port.app
        self._port = port
        self._bounds = port.bounds
        self._due = 0.0
        self._unread_by = 0.0
        self._pending = 0
        self._feeding = 0
        self._in_head = True
        self._in_body = False
        self._deaf = False
        self._discarded = 0
        self._resting = False
        self._refusal: Problem | None = None
        self._said = False

    @property
    def address(self) -> str:
        """The IP address that it comes from."""
        return self.client[0] if self.client else ""

    # What the event loop calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection in, or tell its client that there are too many."""
        super().connection_made(transport)
        if self._port.admit(self):
            self._due = self.loop.time() + self._bounds.head_seconds
            return
        self._port.count(TooManyConnections.code)
        self._deaf = True
        transport.write(self._answer(TooManyConnections()))
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._port.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came; what is not a whole request yet is counted."""
        if self._deaf:
            self._discard(len(data))
            return
        size = len(data)
        if size > MAX_HEAD_BYTES:
            for start in range(0, size, MAX_HEAD_BYTES):
                self.data_received(data[start : start + MAX_HEAD_BYTES])
            return
        if self._resting or not self._due:
            self._resting = False
            self._pending = 0
            self._due = self.loop.time() + self._bounds.head_seconds
        self._feeding = size
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # It offers to go on in another protocol, and is answered in this one.
            self._deaf = True
            self._due = 0.0
            self.cycle.keep_alive = False
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, Problem) else MalformedRequest(str(error)))
        else:
            if self._due:
                self._count(size)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Expect the rest of the head."""
        super().on_message_begin()
        if not self._due:
            self._due = self.loop.time() + self._bounds.head_seconds

    def on_headers_complete(self) -> None:
        """Begin to answer; raises the Problem of a head that is refused."""
        if self._pending + self._feeding > MAX_HEAD_BYTES:
            check_size(self.url, self.headers)
        check_head(self.parser.get_http_version(), self.url, self.headers)
        if self.parser.should_upgrade() and has_body(self.headers):
            # The parser would leave the body to the protocol that was offered.
            raise MalformedRequest("leave out the Upgrade header")
        if len(self.pipeline) >= MAX_PIPELINED:
            raise TooManyPipelined
        super().on_headers_complete()
        # Trailers are not the head's: they go nowhere.
        self.headers = []
        self._in_head = False
        self._pending = -self._feeding

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._pending = -self._feeding
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect nothing more, until something comes."""
        cycle = self.cycle
        self._in_head, self._in_body = True, False
        self._pending = -self._feeding
        if cycle.response_complete:
            self._rest()
        else:
            self._due = 0.0
            cycle.more_body = False
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Go on; what came after the request may have been refused meanwhile."""
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._refusal is not None:
            self._say(self._refusal)
        elif not self._due:
            self._rest()

    def _rest(self) -> None:
        """Wait for the next request, and not for ever; uvicorn would set and cancel a timer."""
        self._resting = True
        self._due = self.loop.time() + self.timeout_keep_alive

    # What the server and the port call.

    def shutdown(self) -> None:
        """End it as soon as what was accepted is answered."""
        if self._said:
            self.transport.close()
        else:
            super().shutdown()

    def end_if_overdue(self, now: float) -> None:
        """End it when the client sends or reads too slowly."""
        if not self.transport.get_write_buffer_size():
            self._unread_by = 0.0
        elif not self._unread_by:
            self._unread_by = now + self._bounds.answer_seconds
        elif now > self._unread_by:
            self._port.count(_SLOW_READER)
            self.transport.abort()
            return
        if self._due and now > self._due:
            self._end_overdue(now)

    def _end_overdue(self, now: float) -> None:
        if self._said:
            self.transport.abort()
        elif self.flow.read_paused:
            # The client waits for this process, not the other way round.
            self._due = now + self._bounds.body_seconds
        elif self._resting or (self.cycle is None and not self._pending):
            self.transport.close()
        else:
            what = "head" if self._in_head else "body"
            self._refuse(RequestTimeout(f"the {what} of the request did not arrive whole in time"))

    def _count(self, size: int) -> None:
        """Bound a message that is not whole after `size` more bytes."""
        self._pending += size
        if not self._in_head and not self._in_body:
            self._in_body = True
            self._due = self.loop.time() + self._bounds.body_seconds
        if self._pending > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge() if self._in_head else FramingTooLarge())

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > _LINGER_BYTES:
            self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        """Answer what came before, then say the problem, and end the connection."""
        self._port.count(problem.code)
        self._deaf = True
        self._due = 0.0
        if not self._in_head:
            if self.pipeline:
                # The refused request waited behind others and was not begun.
                self.pipeline.popleft()
            elif self._break_off():
                return
        if self.cycle is not None and not self.cycle.response_complete:
            self._refusal = problem
        else:
            self._say(problem)

    def _break_off(self) -> bool:
        """Tell the running request that its client is gone; return whether it had an answer."""
        cycle = self.cycle
        cycle.disconnected = True
        cycle.message_event.set()
        self.cycle = None  # type: ignore[assignment]
        if cycle.response_started:
            self.transport.close()
        return cycle.response_started

    def _say(self, problem: Problem) -> None:
        """Write the last answer, and give the client a moment to read it.

        Closing a socket that holds unread bytes resets it, and the answer would be lost
        (RFC 9112, 9.6).
        """
        if self.transport.is_closing():
            return
        self._said = True
        self._due = self.loop.time() + _LINGER_SECONDS
        self.flow.resume_reading()
        self.transport.write(self._answer(problem))
        self.transport.write_eof()

    def _answer(self, problem: Problem) -> bytes:
        body = problem.body()
        fields = [
            *self.server_state.default_headers,
            (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
        ]
        head = b"".join(b"%b: %b\r\n" % field for field in fields if field[0] != b"connection")
        return STATUS_LINE[problem.status] + head + b"connection: close\r\n\r\n" + body
