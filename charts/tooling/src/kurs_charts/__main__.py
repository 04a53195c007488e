"""`python -m kurs_charts`: writes everything that values.yaml files and the code decide."""

from kurs_charts.written import written

for file, text in written():
    file.write_text(text, "utf-8")
