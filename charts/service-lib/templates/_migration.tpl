{{/*
The Job that brings the schema up to date before pods of a new version need it; pods of the old
version go on meanwhile, since a migration stays compatible for one version. A lock in the database
lets one of several run.

With a database of its own it is a hook: an upgrade whose migration fails changes nothing. With a
bundled one it is a part of the release, named after the revision since a Job cannot be changed, and
pods wait for it.
*/}}

{{- define "service-lib.migration" -}}
{{- if eq .Values.database.kind "postgresql" }}
{{- $bundled := .Values.global.database.bundled }}
{{- $name := printf "%s-migration" .Chart.Name }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ ternary (printf "%s-%d" $name .Release.Revision) $name $bundled }}
  labels: {{- include "service-lib.migrationLabels" . | nindent 4 }}
  {{- if not $bundled }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  {{- end }}
spec:
  backoffLimit: 2
  activeDeadlineSeconds: {{ .Values.database.migrationTimeoutSeconds }}
  template:
    metadata:
      labels: {{- include "service-lib.migrationLabels" . | nindent 8 }}
    spec:
      restartPolicy: Never
      {{- include "service-lib.podSecurity" . | nindent 6 }}
      containers:
        - name: migrate
          {{- include "service-lib.containerSecurity" . | nindent 10 }}
          args: [migrate]
          env: {{- include "service-lib.migrationEnv" . | trim | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- include "service-lib.databaseMount" . | trim | nindent 12 }}
          resources:
            requests: {cpu: 50m, memory: 96Mi}
            limits: {memory: 256Mi}
      volumes:
        - {name: tmp, emptyDir: {sizeLimit: 16Mi}}
        - name: database
          secret:
            secretName: {{ include (ternary "service-lib.ownerSecret" "service-lib.databaseSecret" (ne (include "service-lib.databaseRole" .) "")) . }}
            items: [{key: {{ .Values.database.key }}, path: {{ .Values.database.key }}}]
{{- end }}
{{- end }}

{{- define "service-lib.migrationEnv" -}}
{{- include "service-lib.databaseEnv" . }}
{{- with include "service-lib.databaseRole" . }}
- {name: KURS_DATABASE_SERVICE_ROLE, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{- define "service-lib.migrationLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-migration
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .Chart.Name }}-migration
{{ include "service-lib.commonLabels" . }}
{{- end }}
