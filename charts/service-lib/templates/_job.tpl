{{/*
A Job that runs before the rest of an installation or upgrade: when it fails, nothing else has changed.

It is a hook, so that no later revision and no rollback meets a Job that cannot be changed, and named by
what it runs, so that one that ran before keeps its log. What its pod needs is a hook, too: what the
release before left in force (policies above all) may not let it through.

  include "service-lib.job" (dict "root" $ "name" … "labels" … "seconds" … "weight" … "containers" … "volumes" …)
*/}}

{{- define "service-lib.job" -}}
{{- $spec := include "service-lib.jobSpec" . }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .name }}-{{ sha256sum $spec | trunc 8 }}
  labels: {{- .labels | nindent 4 }}
  annotations:
    {{- include "service-lib.hook" (dict "weight" .weight "delete" "before-hook-creation") | nindent 4 }}
    helm.sh/hook-output-log-policy: hook-failed
spec: {{- $spec | nindent 2 }}
{{- end }}

{{- define "service-lib.jobSpec" -}}
backoffLimit: 1
ttlSecondsAfterFinished: {{ .root.Values.global.jobs.keepSeconds }}
template:
  {{- /* A deadline of the Job would take its pods away, and with them the log that says why. */}}
  {{- $own := dict "spec" (printf "restartPolicy: Never\nactiveDeadlineSeconds: %v" .seconds) }}
  {{- include "service-lib.podTemplate" (merge $own .) | nindent 2 }}
{{- end }}

{{- define "service-lib.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: {{ .delete | default "before-hook-creation,hook-succeeded" }}
{{- end }}

{{/* Whom a Job's pods may reach: (dict "root" $ "name" … "labels" … "weight" … "egress" …). */}}
{{- define "service-lib.jobPolicy" -}}
{{- if .root.Values.global.network.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  labels: {{- .labels | nindent 4 }}
  annotations: {{- include "service-lib.hook" . | nindent 4 }}
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: {{ .name }}, app.kubernetes.io/instance: {{ .root.Release.Name }}}}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "service-lib.dnsEgress" .root | nindent 4 }}
    {{- .egress | trim | nindent 4 }}
    {{- with .root.Values.networkPolicy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* The account of a Job's pods, which comes before that of the service: (dict "root" $ "name" … "labels" … "weight" …). */}}
{{- define "service-lib.jobAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  labels: {{- .labels | nindent 4 }}
  annotations:
    {{- include "service-lib.hook" . | nindent 4 }}
    {{- with (.root.Values.serviceAccount | default dict).annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
automountServiceAccountToken: false
{{- end }}
