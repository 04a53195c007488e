{{/* How many pods there are, and how few there may be. */}}

{{- define "service-lib.scaled" -}}
{{- if or .Values.autoscaling.enabled .Values.autoscaling.external }}yes{{ end }}
{{- end }}

{{- /*
Where an autoscaler owns the number, none is rendered, but for the release that hands it over: a number that
was Helm's and is rendered no more would become 1. It is Helm's as long as nothing has scaled; and Helm 3,
which compares with the release before, must render what it rendered once (the annotation says so).
*/ -}}
{{- define "service-lib.handedOver" -}}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace .Chart.Name | default dict }}
{{- $marked := hasKey (dig "metadata" "annotations" dict $live) "kurs.dev/replicas-handed-over" }}
{{- $held := false }}
{{- range dig "metadata" "managedFields" list $live }}
{{- if and (eq .manager "helm") (not .subresource) }}
{{- $owned := hasKey (dig "fieldsV1" "f:spec" dict .) "f:replicas" }}
{{- if or $owned (and $marked (eq .operation "Update")) }}{{ $held = true }}{{ end }}
{{- end }}
{{- end }}
{{- if and $held (include "service-lib.scaled" .) }}{{ $live.spec.replicas }}{{ end }}
{{- end }}

{{- define "service-lib.replicas" -}}
{{- if include "service-lib.scaled" . }}{{ include "service-lib.handedOver" . }}{{ else }}{{ .Values.replicaCount }}{{ end }}
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
{{- $least := ternary .Values.replicaCount .Values.autoscaling.minReplicas (not (include "service-lib.scaled" .)) | int }}
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
