"""`python -m kurs_operator`: the operator in its cluster. Without one: `kurs_operator.local`."""

import logging

from kurs.web.server import main
from kurs_operator.app import create_app
from kurs_operator.settings import OperatorSettings

# A line for each request and each event would hide what is said of changes and faults.
for noisy in ("httpx2", "kopf.objects"):
    logging.getLogger(noisy).setLevel(logging.WARNING)
main(OperatorSettings, create_app)
