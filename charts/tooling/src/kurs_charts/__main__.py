"""`python -m kurs_charts`: writes everything that values.yaml files and the code decide.

With `--check` it writes nothing and names the files that are not as they would be written; it
returns 1 if there is one.
"""

import sys

from kurs_charts.chart import CHARTS
from kurs_charts.written import written

others = [(file, text) for file, text in written() if not file.exists() or file.read_text() != text]
if "--check" in sys.argv[1:]:
    for file, _ in others:
        print(f"{file.relative_to(CHARTS.parent)} is not as it is described: make chart-schemas")
    sys.exit(bool(others))
for file, text in others:
    file.write_text(text, "utf-8")
