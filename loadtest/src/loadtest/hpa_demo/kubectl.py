"""kubectl as a subprocess: commands in one namespace, a port-forward, a log that is followed."""

import asyncio
import json
import re
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class DemoError(Exception):
    """The demo cannot go on; the message says why, and where it can, what to do."""


class Kubectl:
    """Runs kubectl in a namespace of the cluster that KUBECONFIG names."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    async def run(self, *arguments: str, stdin: str = "") -> str:
        """Return what a command wrote; raises DemoError with what it complained about."""
        async with self._process(*arguments, stdin=PIPE, stderr=PIPE) as process:
            out, complaint = await process.communicate(stdin.encode())
        if process.returncode:
            raise DemoError(f"kubectl {' '.join(arguments)}: {complaint.decode().strip()}")
        return out.decode()

    async def get(self, *arguments: str) -> dict[str, Any]:
        """Return an object, or a list of them."""
        document: dict[str, Any] = json.loads(await self.run("get", *arguments, "-o", "json"))
        return document

    async def create(self, document: dict[str, Any]) -> dict[str, Any]:
        """Create an object and return it as the API server has it."""
        said = await self.run("create", "-f", "-", "-o", "json", stdin=json.dumps(document))
        created: dict[str, Any] = json.loads(said)
        return created

    async def follow(self, *arguments: str) -> AsyncIterator[str]:
        """Yield the lines that a command writes, until it ends."""
        async with self._process(*arguments) as process:
            assert process.stdout is not None
            async for line in process.stdout:
                yield line.decode(errors="replace").rstrip()

    @asynccontextmanager
    async def port_forward(self, target: str, port: int) -> AsyncIterator[str]:
        """Forward a free local port; yields the base address."""
        async with self._process("port-forward", target, f":{port}", stderr=PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            said = re.search(rb"127\.0\.0\.1:(\d+)", await process.stdout.readline())
            if said is None:
                complaint = (await process.stderr.read()).decode().strip()
                raise DemoError(f"kubectl port-forward {target}: {complaint}")
            yield f"http://127.0.0.1:{said[1].decode()}"

    @asynccontextmanager
    async def _process(
        self, *arguments: str, stdin: int = DEVNULL, stderr: int = DEVNULL
    ) -> AsyncIterator[Process]:
        try:
            process = await asyncio.create_subprocess_exec(
                *("kubectl", "-n", self.namespace, *arguments),
                stdin=stdin,
                stdout=PIPE,
                stderr=stderr,
                # Ctrl-C in the terminal is for us alone: we end what we started.
                start_new_session=True,
            )
        except FileNotFoundError:
            raise DemoError("kubectl is not on PATH: `make doctor` says how to get it") from None
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
