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

{{/* What a resource of k8s/samples gets beside its name. */}}
{{- define "operator.kept" -}}
metadata:
  labels: {app.kubernetes.io/part-of: kurs, helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}}
  annotations: {helm.sh/resource-policy: keep}
{{- end }}
