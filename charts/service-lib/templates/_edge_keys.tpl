{{/*
The edges of a service (`service-lib.edges`, written from the code into `_edges.tpl`), and their keys: a
Secret `kurs-edge-<from>-<to>` for each, mounted at its two ends alone. All of them are one volume, so
that the kubelet renews them together.
*/}}

{{- define "service-lib.callers" -}}
{{- $found := list }}
{{- range include "service-lib.edges" . | fromJsonArray }}
{{- if eq .to $ }}{{ $found = append $found .from }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{- define "service-lib.callees" -}}
{{- $found := list }}
{{- range include "service-lib.edges" . | fromJsonArray }}
{{- if eq .from $ }}{{ $found = append $found .to }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{- /* The edges that a component is an end of, as `<from>-<to>`. */}}
{{- define "service-lib.edgesOf" -}}
{{- $found := list }}
{{- range include "service-lib.edges" . | fromJsonArray }}
{{- if or (eq .from $) (eq .to $) }}{{ $found = append $found (printf "%s-%s" .from .to) }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{- define "service-lib.edgeKeysEnv" -}}
{name: KURS_EDGE_KEYS_DIR, value: /etc/kurs/edge-keys}
{{- end }}

{{- define "service-lib.edgeKeysMount" -}}
{name: edge-keys, mountPath: /etc/kurs/edge-keys, readOnly: true}
{{- end }}

{{- define "service-lib.edgeKeysVolume" -}}
name: edge-keys
projected:
  defaultMode: 0440
  sources:
    {{- range include "service-lib.edgesOf" . | fromJsonArray }}
    - secret: {name: kurs-edge-{{ . }}, items: [{key: keys, path: {{ . }}}]}
    {{- end }}
{{- end }}

{{- /* The keys of a component's edges, in a cluster, must be there: (dict "root" $ "component" …). */}}
{{- define "service-lib.requireEdgeKeys" -}}
{{- range include "service-lib.edgesOf" .component | fromJsonArray }}
{{- include "service-lib.requireSecret" (dict "root" $.root "name" (printf "kurs-edge-%s" .) "key" "keys" "holds" (printf "the key of the edge %s" .)) }}
{{- end }}
{{- end }}
