{{/*
What every pod of ours has in common, whatever makes it: labels and annotations, the `restricted` Pod
Security profile, where it may run, a read-only root file system, no token. A Deployment, a Job, a test
and the bundled server differ in what they give it:

  include "service-lib.podTemplate" (dict "root" $ "labels" … "containers" … "volumes" …)

and, where they have it, `account`, `init` (containers that run first), `scratch` (volumes that are lost
with the pod and must not keep it on its node), `ids` (user and group of the image), `spec` (more of it).
*/}}

{{- define "service-lib.podTemplate" -}}
metadata:
  labels: {{- include "service-lib.podLabels" . | nindent 4 }}
  {{- with include "service-lib.podAnnotations" . | trim }}
  annotations: {{- . | nindent 4 }}
  {{- end }}
spec: {{- include "service-lib.podSpec" . | trim | nindent 2 }}
{{- end }}

{{- /* Ours win: what selects pods, and lets them through policies, is not for a person to change. */ -}}
{{- define "service-lib.podLabels" -}}
{{- toYaml (merge (fromYaml .labels) .root.Values.podLabels) }}
{{- end }}

{{- define "service-lib.podAnnotations" -}}
{{- $ours := dict }}
{{- with .scratch }}
{{- $ours = dict "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes" . }}
{{- end }}
{{- if .init }}
{{- $ours = set $ours "kubectl.kubernetes.io/default-container" .root.Chart.Name }}
{{- end }}
{{- with merge (dict) .root.Values.podAnnotations $ours }}{{ toYaml . }}{{ end }}
{{- end }}

{{- define "service-lib.podSpec" -}}
{{- with .account }}
serviceAccountName: {{ . }}
{{- end }}
automountServiceAccountToken: false
# Variables for every Service of the namespace would only be confused with settings.
enableServiceLinks: false
{{- with .root.Values.global.image.pullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- if .root.Values.global.fixedIds }}
  {{- $id := .ids | default 10001 }}
  runAsUser: {{ $id }}
  runAsGroup: {{ $id }}
  fsGroup: {{ $id }}
  {{- end }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .spec }}
{{ trim . }}
{{- end }}
{{- with .init | default "" | trim }}
initContainers: {{- . | nindent 2 }}
{{- end }}
containers: {{- .containers | trim | nindent 2 }}
volumes: {{- .volumes | trim | nindent 2 }}
{{- end }}

{{- define "service-lib.containerSecurity" -}}
image: {{ include "service-lib.image" . | quote }}
imagePullPolicy: {{ .Values.global.image.pullPolicy }}
# The last lines of its log are what `kubectl describe pod` says of why it failed.
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "service-lib.databaseEnv" -}}
{{- if eq .Values.database.kind "sqlite" }}
- {name: KURS_DATABASE_URL, value: {{ printf "sqlite:////var/lib/kurs/%s.db" .Chart.Name | quote }}}
{{- else if eq .Values.database.kind "postgresql" }}
- {name: KURS_DATABASE_URL_FILE, value: {{ printf "/etc/kurs/database/%s" .Values.database.key | quote }}}
{{- end }}
{{- end }}

{{- define "service-lib.databaseMount" -}}
{{- if eq .Values.database.kind "sqlite" }}
- {name: database, mountPath: /var/lib/kurs}
{{- else if eq .Values.database.kind "postgresql" }}
- {name: database, mountPath: /etc/kurs/database, readOnly: true}
{{- end }}
{{- end }}

{{- define "service-lib.databaseVolume" -}}
{{- if eq .Values.database.kind "sqlite" }}
- {name: database, persistentVolumeClaim: {claimName: {{ .Chart.Name }}-database}}
{{- else if eq .Values.database.kind "postgresql" }}
- {name: database, secret: {secretName: {{ include "service-lib.databaseSecret" . }}, items: [{key: {{ .Values.database.key }}, path: {{ .Values.database.key }}}]}}
{{- end }}
{{- end }}

{{- define "service-lib.env" -}}
# Every address of the pod, of IPv4 and of IPv6.
- {name: KURS_HOST, value: ""}
- {name: KURS_PORT, value: {{ include "service-lib.port" . | quote }}}
- {name: KURS_OPERATIONS_PORT, value: {{ include "service-lib.operationsPort" . | quote }}}
- {name: KURS_DRAIN_SECONDS, value: {{ .Values.shutdown.drainSeconds | quote }}}
{{- with .Values.global.telemetry }}
- {name: KURS_TRACE_RATIO, value: {{ .traceRatio | quote }}}
{{- if .otlpEndpoint }}
- {name: KURS_OTLP_ENDPOINT, value: {{ .otlpEndpoint | quote }}}
{{- end }}
{{- end }}
{{- include "service-lib.databaseEnv" . }}
- {{ include "service-lib.edgeKeysEnv" . }}
{{- if .Values.config }}
- {name: KURS_CONFIG_DIR, value: /etc/kurs/config}
{{- end }}
{{- range include "service-lib.keyFiles" . | fromJsonArray }}
- {name: {{ .variable }}, value: {{ printf "/etc/kurs/%s/%s" .volume .key | quote }}}
{{- end }}
{{- if .Values.sourceSecrets }}
- {name: KURS_SECRETS_DIR, value: /etc/kurs/secrets}
- name: KURS_SOURCE_SECRET_HOSTS
  value: {{ include "service-lib.secretHosts" . | quote }}
{{- end }}
{{- if hasKey .Values "destinationSecrets" }}
- {name: KURS_SECRETS_DIR, value: /etc/kurs/secrets}
{{- end }}
{{- include "service-lib.faultEnv" . }}
{{- include "service-lib.settingsEnv" . }}
{{- end }}

{{/*
The keys that a service reads as files: by the value that names the Secret and its key, the variable
that tells the file, the volume, and what it holds. One entry of a Secret alone is mounted: what only
checks quotes never has a key that signs them, and the gateway has no use for an API key's text.
*/}}
{{- define "service-lib.keyFiles" -}}
{{- $known := list
  (dict "value" "quoteSigningKeys" "variable" "KURS_QUOTE_SIGNING_KEYS_FILE" "volume" "quote-keys" "holds" "the keys that quotes are signed with")
  (dict "value" "quoteVerifyKeys" "variable" "KURS_QUOTE_VERIFY_KEYS_FILE" "volume" "quote-keys" "holds" "the keys that quotes are checked with")
  (dict "value" "ledgerKey" "variable" "KURS_LEDGER_SIGNING_KEY_FILE" "volume" "ledger-key" "holds" "the key that signs the ledger's heads")
  (dict "value" "apiKeys" "variable" "KURS_API_KEYS_FILE" "volume" "api-keys" "holds" "the digests of the API keys")
}}
{{- $found := list }}
{{- range $file := $known }}
{{- with index $.Values $file.value }}{{ $found = append $found (merge $file .) }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* What a person sets of a service's variables, and of others. */}}
{{- define "service-lib.settingsEnv" -}}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ include "service-lib.text" $value | quote }}}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where each secret of a source may be sent: <secret>=<host>, comma separated. */}}
{{- define "service-lib.secretHosts" -}}
{{- $named := list -}}
{{- range $secret, $hosts := .Values.sourceSecrets -}}
{{- range $hosts }}{{ $named = append $named (printf "%s=%s" $secret .) }}{{ end -}}
{{- end -}}
{{- join "," $named -}}
{{- end }}

{{/* A number as it was written: YAML numbers are floats here, and 1000000 would become 1e+06. */}}
{{- define "service-lib.text" -}}
{{- if kindIs "float64" . }}{{ toJson . }}{{ else }}{{ toString . }}{{ end -}}
{{- end }}

{{- define "service-lib.faultEnv" -}}
{{- $faults := .Values.faults -}}
{{- $on := or (gt (float64 $faults.delaySeconds) 0.0) (gt (float64 $faults.errorRatio) 0.0) $faults.unready -}}
{{- if and $on (eq .Values.global.environment "production") }}
{{- fail (printf "%s: fault switches are for demonstrations; production refuses them (faults)" .Chart.Name) }}
{{- end }}
{{- if $on }}
- {name: KURS_FAULT_DELAY_SECONDS, value: {{ $faults.delaySeconds | quote }}}
- {name: KURS_FAULT_ERROR_RATIO, value: {{ $faults.errorRatio | quote }}}
- {name: KURS_FAULT_UNREADY, value: {{ $faults.unready | quote }}}
{{- end }}
{{- end }}

{{- define "service-lib.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- include "service-lib.databaseMount" . }}
- {{ include "service-lib.edgeKeysMount" . }}
{{- if .Values.config }}
# A folder, never a subPath: only a folder follows the changes of its ConfigMap.
- {name: config, mountPath: /etc/kurs/config, readOnly: true}
{{- end }}
{{- range include "service-lib.keyFiles" . | fromJsonArray }}
- {name: {{ .volume }}, mountPath: /etc/kurs/{{ .volume }}, readOnly: true}
{{- end }}
{{- range $secret, $_ := .Values.sourceSecrets }}
- {name: source-{{ $secret }}, mountPath: /etc/kurs/secrets/{{ $secret }}, readOnly: true}
{{- end }}
{{- range .Values.destinationSecrets }}
- {name: destination-{{ . }}, mountPath: /etc/kurs/secrets/{{ . }}, readOnly: true}
{{- end }}
{{- with .Values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "service-lib.volumes" -}}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- include "service-lib.databaseVolume" . }}
{{- if include "service-lib.serviceInit" . }}
{{- include "service-lib.ownerVolume" . }}
{{- end }}
- {{- include "service-lib.edgeKeysVolume" .Chart.Name | nindent 2 }}
{{- with .Values.config }}
# Optional: a pod may start before the document is written, and is ready once it has read it.
- {name: config, configMap: {name: {{ .configMap }}, optional: true}}
{{- end }}
{{- range include "service-lib.keyFiles" . | fromJsonArray }}
- {name: {{ .volume }}, secret: {secretName: {{ .existingSecret }}, items: [{key: {{ .key }}, path: {{ .key }}}]}}
{{- end }}
{{- range $secret, $_ := .Values.sourceSecrets }}
- {name: source-{{ $secret }}, secret: {secretName: {{ $secret }}}}
{{- end }}
{{- range .Values.destinationSecrets }}
- {name: destination-{{ . }}, secret: {secretName: {{ . }}, optional: true}}
{{- end }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
