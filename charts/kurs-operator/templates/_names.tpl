{{/* The names and labels of the operator; services know it by its component, `operator`. */}}

{{- define "operator.selector" -}}
app.kubernetes.io/name: kurs-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
{{ include "service-lib.commonLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/*
A token that only the pods which need one get, by hand: pods of ours mount none by themselves.
*/}}
{{- define "operator.token" -}}
name: token
projected:
  sources:
    - serviceAccountToken: {path: token, expirationSeconds: 3607}
    - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
    - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end }}

{{- define "operator.tokenMount" -}}
{name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}

{{/* Of a Job and its pods, which no selector of the operator takes for its own: (dict "root" $ "name" …). */}}
{{- define "operator.jobLabels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{ include "service-lib.commonLabels" .root }}
{{- end }}

{{/* The way to the API server, whose address no chart can know. */}}
{{- define "operator.serverEgress" -}}
{{- $server := .Values.networkPolicy.apiServer }}
- ports: [{{ range $index, $port := $server.ports }}{{ if $index }}, {{ end }}{port: {{ $port }}}{{ end }}]
  {{- with $server.to }}
  to: {{ toJson . }}
  {{- end }}
{{- end }}
