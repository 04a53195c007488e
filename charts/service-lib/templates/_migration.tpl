{{/*
What brings the schema up to date before pods of a new version need it; pods of the old version go on
meanwhile, since a migration stays compatible for one version. A lock in the database lets one of
several run.

With a database of its own it is a Job, before an upgrade: one whose migration fails changes nothing.
A bundled database comes with the release, and a Job before that would wait for it in vain: there each
pod migrates before it serves.
*/}}

{{- define "service-lib.migration" -}}
{{- if and (eq .Values.database.kind "postgresql") (not .Values.global.database.bundled) }}
{{- $name := printf "%s-migration" .Chart.Name }}
{{- $labels := include "service-lib.migrationLabels" . }}
{{- $job := dict "root" $ "name" $name "labels" $labels "weight" -10 }}
{{- $account := include "service-lib.accountName" . }}
{{- if .Values.serviceAccount.create }}
{{- $account = $name }}
{{ include "service-lib.jobAccount" $job }}
---
{{- end }}
{{- with include "service-lib.jobPolicy" (merge (dict "egress" (include "service-lib.databaseEgress" .)) $job) | trim }}
{{ . }}
---
{{- end }}
{{- $run := dict
  "weight" -5
  "account" $account
  "seconds" .Values.database.migrationTimeoutSeconds
  "containers" (include "service-lib.migrate" .)
  "volumes" (include "service-lib.migrationVolumes" .) }}
{{ include "service-lib.job" (merge $run $job) }}
{{- end }}
{{- end }}

{{/* The container that migrates: the same in a Job and before a service. */}}
{{- define "service-lib.migrate" -}}
- name: migrate
  {{- include "service-lib.containerSecurity" . | nindent 2 }}
  args: [migrate]
  env:
    {{- include "service-lib.databaseEnv" . | trim | nindent 4 }}
    {{- with include "service-lib.databaseRole" . }}
    - {name: KURS_DATABASE_SERVICE_ROLE, value: {{ . | quote }}}
    {{- end }}
    {{- with include "service-lib.settingsEnv" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: {{ include "service-lib.migrationVolume" . }}, mountPath: /etc/kurs/database, readOnly: true}
    {{- with .Values.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  resources: {{- toYaml .Values.global.jobs.resources | nindent 4 }}
{{- end }}

{{/* The URL of the role that migrates, which a service that has another never mounts. */}}
{{- define "service-lib.migrationVolume" -}}
{{ ternary "owner-database" "database" (ne (include "service-lib.databaseRole" .) "") }}
{{- end }}

{{- define "service-lib.ownerVolume" -}}
{{- if include "service-lib.databaseRole" . }}
- {name: owner-database, secret: {secretName: {{ include "service-lib.ownerSecret" . }}, items: [{key: {{ .Values.database.key }}, path: {{ .Values.database.key }}}]}}
{{- end }}
{{- end }}

{{- define "service-lib.migrationVolumes" -}}
- {name: tmp, emptyDir: {sizeLimit: 16Mi}}
{{- include "service-lib.ownerVolume" . | trim | default (include "service-lib.databaseVolume" . | trim) | nindent 0 }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "service-lib.migrationLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-migration
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .Chart.Name }}-migration
{{ include "service-lib.commonLabels" . }}
{{- end }}
