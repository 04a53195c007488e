{{/*
Everything that a service is. A chart calls it once:

  include "service-lib.service" (dict "root" $)
*/}}

{{- define "service-lib.service" -}}
{{- $root := .root -}}
{{- include "service-lib.checks" $root }}
{{- range list "account" "network-service" "operations-service" "deployment" "volumeClaim" "migration" "autoscaler" "disruptionBudget" "monitoring" }}
{{- with include (printf "service-lib.%s" .) $root | trim }}
---
{{ . }}
{{- end }}
{{- end }}
{{- with include "service-lib.networkPolicy" . | trim }}
---
{{ . }}
{{- end }}
{{- end }}

{{/* How a person sees that it works, and how to look when it does not. */}}
{{- define "service-lib.notes" -}}
{{- $flags := printf "-n %s" .Release.Namespace -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }}, port {{ include "service-lib.port" . }}

  kubectl {{ $flags }} rollout status deployment/{{ .Chart.Name }}
  kubectl {{ $flags }} logs deployment/{{ .Chart.Name }} --all-pods --prefix
  kubectl {{ $flags }} port-forward service/{{ .Chart.Name }} {{ include "service-lib.port" . }}
{{- if .Values.autoscaling.enabled }}
  kubectl {{ $flags }} get hpa {{ .Chart.Name }} --watch
{{- end }}
{{- end }}
