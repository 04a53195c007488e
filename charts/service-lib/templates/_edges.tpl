{{/* Who calls whom: written from kurs.edges by `make chart-schemas`. */}}

{{- define "service-lib.edges" -}}
[
  {"from": "api-gateway", "to": "payments"},
  {"from": "api-gateway", "to": "fx"},
  {"from": "api-gateway", "to": "wallet"},
  {"from": "api-gateway", "to": "risk"},
  {"from": "api-gateway", "to": "webhooks"},
  {"from": "payments", "to": "risk"},
  {"from": "payments", "to": "fx"},
  {"from": "payments", "to": "wallet"},
  {"from": "risk", "to": "fx"},
  {"from": "webhooks", "to": "payments"},
  {"from": "operator", "to": "fx"},
  {"from": "operator", "to": "risk"},
  {"from": "operator", "to": "webhooks"},
  {"from": "operator", "to": "wallet"}
]
{{- end }}
