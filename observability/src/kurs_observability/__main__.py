"""`python -m kurs_observability`: writes everything that is rendered from code."""

from kurs_observability import metrics_page, rules
from kurs_observability.dashboards import render

metrics_page.main([])
rules.main([])
render.main()
