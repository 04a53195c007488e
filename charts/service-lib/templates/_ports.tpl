{{/* The port of the pods of each chart: written from its settings class by `make chart-schemas`. */}}

{{- define "service-lib.ports" -}}
{
  "api-gateway": 8080,
  "fx": 8082,
  "kurs-operator": 8085,
  "payments": 8081,
  "risk": 8084,
  "wallet": 8083,
  "webhooks": 8085
}
{{- end }}
