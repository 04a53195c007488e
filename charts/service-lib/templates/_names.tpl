{{/*
Names, labels, ports and the image. Resources are named after their service, whatever the release is
called, so that `http://wallet:8083` is right in every namespace: one Kurs to a namespace.
*/}}

{{- define "service-lib.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "service-lib.labels" -}}
{{ include "service-lib.selector" . }}
{{ include "service-lib.commonLabels" . }}
app.kubernetes.io/component: {{ .Chart.Name }}
{{- end }}

{{- define "service-lib.commonLabels" -}}
app.kubernetes.io/part-of: kurs
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- with .Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "service-lib.port" -}}
{{ index (include "service-lib.ports" . | fromJson) .Chart.Name }}
{{- end }}

{{/* Of probes and metrics, the same in every pod. */}}
{{- define "service-lib.operationsPort" -}}
9464
{{- end }}

{{- define "service-lib.image" -}}
{{- $image := .Values.image -}}
{{- $repository := $image.repository | default (printf "kurs/%s" .Chart.Name) -}}
{{- with .Values.global.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $repository }}
{{- if $image.digest }}@{{ $image.digest }}
{{- else }}:{{ $image.tag | default .Values.global.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* The service's own role, where another one owns the tables; else nothing. */ -}}
{{- define "service-lib.databaseRole" -}}
{{ ternary .Chart.Name .Values.database.serviceRole .Values.global.database.bundled }}
{{- end }}

{{- define "service-lib.ownerSecret" -}}
{{ .Values.database.ownerSecret | default (printf "%s-owner-database" .Chart.Name) }}
{{- end }}

{{- define "service-lib.databaseSecret" -}}
{{ .Values.database.existingSecret | default (printf "%s-database" .Chart.Name) }}
{{- end }}
