"""A stack in a process of its own, run as a file by the Python of the checkout that it is of.

So nothing but that checkout's own `devstack` is imported here. Its one argument is a JSON object of
what `Stack` is told. Once the stack runs, a line of JSON says where; each line that is read then is
answered with a line of the CPU seconds by process; at the end of its input everything is stopped.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack import Stack, StackError
from devstack.interrupts import Interrupted, raise_on_signals
from devstack.topology import SERVICES


def main(told: Mapping[str, Any]) -> int:
    """Run the stack until nobody holds the other end; return the exit code."""
    raise_on_signals()
    try:
        with Stack(**{**told, "folder": Path(told["folder"])}) as stack:
            names = [service.name for service in SERVICES]
            _say(
                {
                    "urls": {name: stack.url(name) for name in names},
                    "operations_urls": {name: stack.operations_url(name) for name in names},
                    "api_key": stack.api_key(),
                }
            )
            for _ in sys.stdin:
                _say(stack.cpu_seconds())
    except (StackError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except Interrupted as interrupted:
        return interrupted.exit_code
    return 0


def _say(document: Mapping[str, Any]) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
