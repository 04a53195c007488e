"""`python -m kurs_operator`: the local mode, which needs no cluster."""

import sys

from kurs_operator.local import main

sys.exit(main())
