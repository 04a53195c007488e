{{/* How many pods there are, and how few there may be. */}}

{{- /* Rendered by nobody where an autoscaler owns the number, ours or another. */ -}}
{{- define "service-lib.replicas" -}}
{{- if not (or .Values.autoscaling.enabled .Values.autoscaling.external) }}{{ .Values.replicaCount }}{{ end }}
{{- end }}

{{- define "service-lib.autoscaler" -}}
{{- if .Values.autoscaling.enabled }}
{{- if .Values.autoscaling.external }}
{{- fail (printf "%s: autoscaling.enabled renders an autoscaler, and autoscaling.external says that another one scales: one of them" .Chart.Name) }}
{{- end }}
{{- with .Values.autoscaling }}
{{- if lt (int .maxReplicas) (int .minReplicas) }}
{{- fail (printf "%s: autoscaling.maxReplicas (%v) is below autoscaling.minReplicas (%v)" $.Chart.Name .maxReplicas .minReplicas) }}
{{- end }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $.Chart.Name }}
  labels: {{- include "service-lib.labels" $ | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $.Chart.Name }}}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ .cpu }}}}}
  behavior:
    scaleUp: {{- include "service-lib.scaling" .scaleUp | nindent 6 }}
    scaleDown: {{- include "service-lib.scaling" .scaleDown | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "service-lib.scaling" -}}
stabilizationWindowSeconds: {{ .stabilizationWindowSeconds }}
policies: [{type: Percent, value: {{ .percent }}, periodSeconds: {{ .periodSeconds }}}]
{{- end }}

{{- define "service-lib.disruptionBudget" -}}
{{- $least := ternary .Values.replicaCount .Values.autoscaling.minReplicas (ne (include "service-lib.replicas" .) "") | int }}
{{- if and .Values.disruptionBudget.enabled (gt $least 1) }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .Chart.Name }}
  labels: {{- include "service-lib.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .Values.disruptionBudget.maxUnavailable }}
  # A pod that is not ready serves nobody and must not hold up a drain.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "service-lib.selector" . | nindent 6 }}
{{- end }}
{{- end }}
