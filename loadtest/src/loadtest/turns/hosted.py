"""A stack of any checkout, in a process of its own; see `host`."""

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from devstack.errors import StackError
from devstack.stack import DatabaseKind
from devstack.topology import RunFolder

_HOST = Path(__file__).with_name("host.py")
_END_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Variant:
    """A stack to run: which checkout's, and what is different about it."""

    name: str
    checkout: Path
    run_by: tuple[str, ...] = ()
    """See `devstack.Stack`: how a part of it is left out."""
    destinations: int = 0

    @property
    def python(self) -> Path:
        """The Python of the checkout; raises StackError when there is none."""
        found = self.checkout / ".venv" / "bin" / "python"
        if not found.exists():
            raise StackError(f"{self.checkout} has no .venv: run `make setup` there")
        return found


@dataclass(slots=True)
class HostedStack:
    """The stack of a variant, from the beginning of its `with` block to the end."""

    variant: Variant
    database: DatabaseKind
    environment: Mapping[str, str]
    _exit: ExitStack = field(default_factory=ExitStack)
    _told: Mapping[str, Any] = field(default_factory=dict)
    _folder: Path = Path()
    _process: "subprocess.Popen[str] | None" = None

    @property
    def folder(self) -> RunFolder:
        """The files of the stack, as this checkout names them."""
        return RunFolder(self._folder)

    def __enter__(self) -> "HostedStack":
        try:
            self._folder = Path(self._exit.enter_context(TemporaryDirectory(prefix="kurs-turns-")))
            self._start()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit.close()

    def url(self, name: str) -> str:
        """Return the base URL of a service."""
        return str(self._told["urls"][name])

    def operations_url(self, name: str) -> str:
        """Return the base URL of its probes and metrics."""
        return str(self._told["operations_urls"][name])

    def api_key(self) -> str:
        """Return the text of the key of merchant `demo`, with every role."""
        return str(self._told["api_key"])

    def cpu_seconds(self) -> Mapping[str, float]:
        """Return the CPU seconds spent so far by process name."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        return self._answer(process)

    def _start(self) -> None:
        told: dict[str, Any] = {
            "folder": str(self._folder),
            "database": self.database,
            "environment": dict(self.environment),
        }
        if self.variant.run_by:
            told["run_by"] = self.variant.run_by
        # A session of its own: a Ctrl-C at the terminal reaches us alone, and we end it. Isolated
        # from this folder: it must find the modules of its own checkout only.
        process = self._process = subprocess.Popen(
            [self.variant.python, "-P", str(_HOST), json.dumps(told)],
            cwd=self.variant.checkout,
            # Where texts lie in dictionaries is no difference between the two.
            env={**os.environ, "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._exit.callback(_end, process)
        self._told = self._answer(process)

    def _answer(self, process: "subprocess.Popen[str]") -> Mapping[str, Any]:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise StackError(f"{self.variant.name}: its stack ended")
        answer: Mapping[str, Any] = json.loads(line)
        return answer


def _end(process: "subprocess.Popen[str]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
