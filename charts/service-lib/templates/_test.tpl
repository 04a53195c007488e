{{/*
The pod of `helm test`: a script of the chart's own files, run against its own service, which is all
that it may reach.

  include "service-lib.test" (dict "root" $ "name" "pay" "script" "pay.py" "arguments" (list …) "env" (list …))
*/}}

{{- define "service-lib.test" -}}
{{- $metadata := include "service-lib.testMetadata" .root }}
{{- $name := printf "%s-test" .root.Chart.Name }}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- $metadata | nindent 2 }}
  {{- /* Before the pod that reads it. */}}
    helm.sh/hook-weight: "-1"
data:
  {{ .script }}: |
    {{- .root.Files.Get (printf "files/%s" .script) | nindent 4 }}
{{- if .root.Values.global.network.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- $metadata | nindent 2 }}
    helm.sh/hook-weight: "-1"
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: {{ $name }}, app.kubernetes.io/instance: {{ .root.Release.Name }}}}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "service-lib.dnsEgress" .root | nindent 4 }}
    - {ports: [{port: {{ include "service-lib.port" .root }}}], to: [{podSelector: {matchLabels: {{ include "service-lib.peer" .root.Chart.Name }}}}]}
{{- end }}
---
{{- $pod := dict
  "root" .root
  "labels" (get (fromYaml $metadata) "labels" | toYaml)
  "account" (include "service-lib.accountName" .root)
  "spec" "restartPolicy: Never"
  "containers" (include "service-lib.testContainer" .)
  "volumes" (include "service-lib.testVolumes" (dict "root" .root "name" $name)) }}
{{- $made := fromYaml (include "service-lib.podTemplate" $pod) }}
{{- $made = mergeOverwrite (dict "apiVersion" "v1" "kind" "Pod") $made (dict "metadata" (omit (fromYaml $metadata) "labels")) }}
{{ toYaml $made }}
{{- end }}

{{- define "service-lib.testContainer" -}}
- name: {{ .name }}
  {{- include "service-lib.containerSecurity" .root | nindent 2 }}
  command: {{ concat (list "python" (printf "/test/%s" .script)) .arguments | toJson }}
  {{- with concat (.env | default list) .root.Values.env }}
  env: {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
    - {name: test, mountPath: /test, readOnly: true}
    - {name: tmp, mountPath: /tmp}
    {{- with .root.Values.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  resources: {{- toYaml .root.Values.global.jobs.resources | nindent 4 }}
{{- end }}

{{- define "service-lib.testVolumes" -}}
- {name: test, configMap: {name: {{ .name }}}}
- {name: tmp, emptyDir: {sizeLimit: 16Mi}}
{{- with .root.Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "service-lib.testMetadata" -}}
name: {{ .Chart.Name }}-test
labels:
  app.kubernetes.io/name: {{ .Chart.Name }}-test
  app.kubernetes.io/instance: {{ .Release.Name }}
  app.kubernetes.io/component: test
  {{- include "service-lib.commonLabels" . | nindent 2 }}
annotations:
  helm.sh/hook: test
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
