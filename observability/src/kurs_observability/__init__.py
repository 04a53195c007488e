"""What is shown and alerted on: the page of metrics, SLO rules and dashboards, all from code."""
