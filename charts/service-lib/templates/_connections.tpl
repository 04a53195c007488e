{{/* How many connections a pod opens at most: written from its settings class by `make chart-schemas`. */}}

{{- define "service-lib.connections" -}}
{
  "payments": 8,
  "risk": 8,
  "wallet": 8,
  "webhooks": 8
}
{{- end }}
