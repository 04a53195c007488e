"""`python -m kurs_observability`: writes everything that is rendered from code."""

from kurs_observability import metrics_page, rules

metrics_page.main([])
rules.main([])
