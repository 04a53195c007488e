"""`python -m kurs_observability`: writes everything that is rendered from code."""

from kurs_observability import metrics_page

metrics_page.main([])
