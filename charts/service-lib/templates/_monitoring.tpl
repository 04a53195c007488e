{{/* What prometheus-operator reads of a service. */}}

{{- define "service-lib.monitoring" -}}
{{- if .Values.serviceMonitor.enabled }}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ .Chart.Name }}
  labels:
    {{- include "service-lib.labels" . | nindent 4 }}
    {{- with .Values.serviceMonitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  jobLabel: app.kubernetes.io/component
  selector:
    matchLabels: {{- include "service-lib.selector" . | nindent 6 }}
  endpoints:
    - {port: operations, path: /metrics, interval: {{ .Values.serviceMonitor.interval }}}
{{- end }}
{{- end }}
