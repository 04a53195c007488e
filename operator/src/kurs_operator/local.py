"""The operator without a cluster: `python -m kurs_operator.local` over a folder of YAML files.

It writes `<out>/<service>/config.json` for fx, risk and webhooks, which watch it. A broken
edit changes nothing and is reported in one line per finding; a document that someone edits or
deletes is restored.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from kurs.config.resources import FILE_NAME
from kurs.kernel.clock import Clock, SystemClock
from kurs.kernel.files import own_what_is_made, replace_file
from kurs_operator.compile import Compilation, compile_resources
from kurs_operator.documents import SERVICES, ServiceDocument
from kurs_operator.generations import Generations
from kurs_operator.ruling import Ruling
from kurs_operator.samples import SampleFolder

POLL_SECONDS = 0.2
Say = Callable[[str], None]


class LocalOperator:
    """Keeps the documents under `out` equal to what the samples say; `say` gets each line."""

    def __init__(
        self,
        samples: Sequence[Path],
        out: Path,
        *,
        say: Say,
        destinations: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._folder = SampleFolder(samples, destinations)
        self._out = out
        self._say = say
        self._clock = clock or SystemClock()
        self._generations = Generations()
        self._compilation: Compilation | None = None
        self._reported: dict[object, object] = {}
        self._texts: dict[str, str] = {}
        """The newest document of each service, as text."""
        self._resume()

    def step(self) -> bool:
        """Take over what changed since the last step; return whether all is right and in force."""
        try:
            changed = self._folder.scan()
        except OSError as error:
            self._report("folder", f"{error.filename}: cannot be listed: {error.strerror}")
            return False
        self._report("folder", "")
        for path in changed:
            self._report_file(path)
        now = self._clock.now()
        if changed or self._is_due(now):
            self._compile(now)
        published = [self._publish(service) for service in SERVICES.values()]
        assert self._compilation is not None
        return all(published) and not self._compilation.refused and not self._folder.broken()

    def _resume(self) -> None:
        for name, service in SERVICES.items():
            try:
                text = self._file(name).read_text()
                self._generations.resume(service.model.model_validate_json(text))
            except Exception:  # noqa: S112 (whatever stands there is written anew)
                continue

    def _is_due(self, now: int) -> bool:
        if self._compilation is None:
            return True
        due = self._compilation.next_change
        return due is not None and now >= due

    def _compile(self, now: int) -> None:
        resources = self._generations.number(self._folder.resources())
        self._compilation = compile_resources(resources, now=now)
        for service, document in self._compilation.documents.items():
            self._texts[service] = document.to_json()
        for ruling in self._compilation.rulings:
            self._report_ruling(ruling)

    def _publish(self, service: ServiceDocument) -> bool:
        """Write the service's document if the file is not it; return whether it is in force."""
        name = service.name
        if service.kind in self._folder.unknown_kinds():
            held = f"{name}: no document is written until the {service.kind} files are right"
            self._report(name, held)
            return False
        file, text = self._file(name), self._texts.get(name)
        if text is None:
            return False
        if text != _content(file):
            try:
                replace_file(file, text)
            except OSError as error:
                self._report(name, f"{file}: cannot be written: {error.strerror}")
                return False
        self._report_document(name)
        return True

    def _file(self, service: str) -> Path:
        return self._out / service / FILE_NAME

    def _report_file(self, path: Path) -> None:
        problems = self._folder.problems(path)
        kept = "the last good version stays in force"
        note = kept if self._folder.has_good(path) else "it is not in force"
        lines = "\n".join(f"{path}: {problem}; {note}" for problem in problems)
        if not lines and self._reported.get(path):
            self._say(f"{path}: is right again")
        self._report(path, lines)

    def _report_document(self, service: str) -> None:
        document = self._compilation and self._compilation.documents.get(service)
        if document:
            names = ", ".join(source.name for source in document.sources) or "nothing"
            self._report(service, f"{service}: revision {document.revision} in force: {names}")

    def _report_ruling(self, ruling: Ruling) -> None:
        line = f"{ruling.identity}: {ruling.reason}: {ruling.message} {ruling.fault}".rstrip()
        self._report(ruling.identity.key, "" if ruling.in_force else line)

    def _report(self, subject: object, text: str) -> None:
        """Say `text` unless it is what was said last about `subject`."""
        if text and self._reported.get(subject) != text:
            for line in text.splitlines():
                self._say(line)
        self._reported[subject] = text


class _Stop:
    """Set by SIGTERM and SIGINT; a plain flag, since a handler may interrupt any lock's holder."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _: int, __: FrameType | None) -> None:
        self.asked = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal, or once; return the exit code: 0 right, 1 something refused, 2 usage."""
    options = _parser().parse_args(arguments)
    destinations: Path | None = options.destinations
    folders = list(options.samples) if destinations is None else [*options.samples, destinations]
    for folder in folders:
        if not folder.is_dir():
            named = "--destinations" if folder == destinations else "--samples"
            _print(f"{folder}: is no folder; name one with {named}")
            return 2
    operator = LocalOperator(options.samples, options.out, say=_print, destinations=destinations)
    if options.once:
        return 0 if operator.step() else 1
    stop = _Stop()
    watched = ", ".join(map(str, folders))
    _print(f"watching {watched}, writing {options.out}")
    while not stop.asked:
        operator.step()
        time.sleep(POLL_SECONDS)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kurs_operator.local",
        description="Compile files of resources into the documents of the services.",
    )
    parser.add_argument(
        *("--samples", "--resources"),
        type=Path,
        nargs="+",
        default=[Path("k8s/samples")],
        help="folders of YAML files (default k8s/samples)",
    )
    parser.add_argument(
        "--destinations",
        type=Path,
        help="a folder of EventDestinations alone: none of it holds back rates or limits",
    )
    parser.add_argument(
        *("--out", "--output"),
        type=Path,
        default=Path("var/config"),
        help="folder to write to (default var/config)",
    )
    parser.add_argument("--once", action="store_true", help="compile once; exit 1 if refused")
    return parser


def _content(file: Path) -> str | None:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    own_what_is_made()
    sys.exit(main())
