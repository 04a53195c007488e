{{/*
Who may talk to a service, and whom it may talk to; all else is denied. The table of edges names the
services (`_edges.tpl`), a chart only whoever else calls it (`calledBy`); DNS, the database, the trace
collector and Prometheus are added here.
*/}}

{{- define "service-lib.networkPolicy" -}}
{{- $root := .root -}}
{{- $network := $root.Values.global.network -}}
{{- $ports := include "service-lib.ports" $root | fromJson -}}
{{- $port := include "service-lib.port" $root -}}
{{- if $network.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $root.Chart.Name }}
  labels: {{- include "service-lib.labels" $root | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "service-lib.selector" $root | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- if .public }}
    {{- with $root.Values.networkPolicy.clients }}
    - {ports: [{port: {{ $port }}}], from: {{ toJson . }}}
    {{- else }}
    - {ports: [{port: {{ $port }}}]}
    {{- end }}
    {{- end }}
    {{- range concat (include "service-lib.callers" $root.Chart.Name | fromJsonArray) (.calledBy | default list) }}
    - {ports: [{port: {{ $port }}}], from: [{podSelector: {matchLabels: {{ include "service-lib.peer" . }}}}]}
    {{- end }}
    {{- with $network.prometheus }}
    - {ports: [{port: {{ include "service-lib.operationsPort" $root }}}], from: {{ toJson . }}}
    {{- end }}
    {{- with $root.Values.networkPolicy.extraIngress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  egress:
    {{- include "service-lib.dnsEgress" $root | nindent 4 }}
    {{- range include "service-lib.callees" $root.Chart.Name | fromJsonArray }}
    - {ports: [{port: {{ index $ports . }}}], to: [{podSelector: {matchLabels: {{ include "service-lib.peer" . }}}}]}
    {{- end }}
    {{- with include "service-lib.databaseEgress" $root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- if and $root.Values.global.telemetry.otlpEndpoint $network.collector }}
    - {ports: [{port: {{ include "service-lib.otlpPort" $root }}}], to: {{ toJson $network.collector }}}
    {{- end }}
    {{- with $root.Values.networkPolicy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "service-lib.databaseEgress" -}}
{{- if eq .Values.database.kind "postgresql" }}
{{- if .Values.global.database.bundled }}
- {ports: [{port: 5432}], to: [{podSelector: {matchLabels: {{ include "service-lib.peer" "postgresql" }}}}]}
{{- else }}
{{- range .Values.global.network.databases }}
- {ports: [{port: {{ .port }}}], to: {{ toJson .to }}}
{{- else }}
- {ports: [{port: 5432}], to: {{ include "service-lib.privateNetworks" . }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "service-lib.peer" -}}
{app.kubernetes.io/component: {{ . }}, app.kubernetes.io/part-of: kurs}
{{- end }}

{{- /*
Where a database is that nobody has named: in a pod, or at an address of RFC 1918 or RFC 6598. Pods are named
apart, since some networks take a range of addresses for those outside of the cluster only. No IPv6: not every
network that has none passes over it.
*/}}
{{- define "service-lib.privateNetworks" -}}
{{- $networks := list (dict "namespaceSelector" dict) }}
{{- range list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" }}
{{- $networks = append $networks (dict "ipBlock" (dict "cidr" .)) }}
{{- end }}
{{- toJson $networks }}
{{- end }}

{{- define "service-lib.dnsEgress" -}}
{{- $ports := list }}
{{- range .Values.global.network.dnsPorts }}
{{- $ports = concat $ports (list (dict "port" . "protocol" "UDP") (dict "port" . "protocol" "TCP")) }}
{{- end }}
- {ports: {{ toJson $ports }}, to: {{ toJson .Values.global.network.dns }}}
{{- end }}

{{- define "service-lib.otlpPort" -}}
{{- $url := urlParse .Values.global.telemetry.otlpEndpoint -}}
{{- if contains ":" $url.host }}{{ splitList ":" $url.host | last }}{{ else }}{{ ternary 443 80 (eq $url.scheme "https") }}{{ end -}}
{{- end }}
