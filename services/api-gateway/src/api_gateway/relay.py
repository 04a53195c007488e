"""Writes answers: a service's byte for byte, or a problem of the gateway's own."""

from collections.abc import Iterable

from starlette.types import Message, Send

from kurs.calls import Response, StreamedResponse
from kurs.kernel.errors import PROBLEM_MEDIA_TYPE, Problem

Fields = Iterable[tuple[str, str]]
RawHeaders = list[tuple[bytes, bytes]]

# Hop-by-hop (RFC 9110, 7.6.1), what the gateway's own server and telemetry write anew, and the
# length, which is written from what is really sent.
_DROPPED = frozenset(
    {
        b"connection",
        b"content-length",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"server",
        b"te",
        b"traceresponse",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_WITHOUT_LENGTH = frozenset({204, 304})


async def send_answer(send: Send, answer: Response, fields: Fields, *, bare: bool = False) -> None:
    """Send a service's answer with `fields` added to its headers; a `bare` one has no body."""
    headers = _end_to_end(answer, fields)
    if answer.status not in _WITHOUT_LENGTH:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if bare else answer.body})


async def send_head(send: Send, answer: StreamedResponse, fields: Fields) -> None:
    """Send the head of an answer that would come in pieces, and nothing of it."""
    headers = _end_to_end(answer, fields)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await end_body(send)


async def send_stream(send: Send, answer: StreamedResponse, fields: Fields) -> None:
    """Send a service's answer piece by piece, each as soon as it is there."""
    headers = _end_to_end(answer, fields)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for chunk in answer.chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def send_problem(send: Send, problem: Problem, fields: Fields, *, ends: bool) -> None:
    """Send a problem document. With `ends` the connection ends after it.

    The caller finishes the body (`end_body`), after reading what the client still sends.
    """
    body = problem.body()
    headers = [
        (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        *_encoded(problem.headers.items()),
        *_encoded(field for field in fields if field[0] not in problem.headers),
    ]
    if ends:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": ends})


def with_fields(send: Send, fields: Fields) -> Send:
    """Return a `send` that adds `fields` to the headers of the answer."""

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), *_encoded(fields)]
            message = {**message, "headers": headers}
        await send(message)

    return adding


async def end_body(send: Send) -> None:
    """Say that an answer is whole."""
    await send({"type": "http.response.body", "body": b""})


def _end_to_end(answer: Response | StreamedResponse, fields: Fields) -> RawHeaders:
    headers = [
        (lower, value)
        for lower, value in ((name.lower(), value) for name, value in answer.raw_headers)
        if lower not in _DROPPED
    ]
    headers += _encoded(fields)
    return headers


def _encoded(fields: Fields) -> RawHeaders:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in fields]
