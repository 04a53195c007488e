"""The dashboards as code, one module each; `frame` has what they share."""
