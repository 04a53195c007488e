{{/*
What a schema cannot see, said before anything is applied: values that do not fit each other, and
Secrets that must exist.
*/}}

{{- define "service-lib.checks" -}}
{{- with .Values.shutdown }}
{{- if gt (int (add .preStopSeconds .drainSeconds)) (int (sub .graceSeconds 5)) }}
{{- fail (printf "%s: shutdown.graceSeconds (%v) leaves less than 5 seconds for what is in flight after preStopSeconds (%v) and drainSeconds (%v)" $.Chart.Name .graceSeconds .preStopSeconds .drainSeconds) }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not (dig "requests" "cpu" "" .Values.resources)) }}
{{- fail (printf "%s: autoscaling goes by the share of the requested CPU: set resources.requests.cpu" .Chart.Name) }}
{{- end }}
{{- /* In an installation of all charts, that one knows which Secrets it makes, and adds up connections. */}}
{{- if .Chart.IsRoot }}
{{- include "service-lib.requireConnections" (dict "root" $ "charts" (dict .Chart.Name .Values) "limit" .Values.global.database.maxConnections) }}
{{- if eq .Values.database.kind "postgresql" }}
{{- include "service-lib.requireSecret" (dict "root" $ "name" (include "service-lib.databaseSecret" .) "key" .Values.database.key "holds" "the URL of a database (database)") }}
{{- if include "service-lib.databaseRole" . }}
{{- include "service-lib.requireSecret" (dict "root" $ "name" (include "service-lib.ownerSecret" .) "key" .Values.database.key "holds" "the URL of the role that owns the tables (database.serviceRole)") }}
{{- end }}
{{- end }}
{{- range include "service-lib.keyFiles" . | fromJsonArray }}
{{- include "service-lib.requireSecret" (dict "root" $ "name" .existingSecret "key" .key "holds" (printf "%s (%s)" .holds .value)) }}
{{- end }}
{{- include "service-lib.requireEdgeKeys" (dict "root" $ "component" .Chart.Name) }}
{{- end }}
{{- end }}

{{/*
Fails when pods could open more connections than the server of their databases lets in: those that an
update brings before it takes others away, too. A limit of 0 is not known.

  include "service-lib.requireConnections" (dict "root" $ "charts" <values by chart> "limit" …)
*/}}
{{- define "service-lib.requireConnections" -}}
{{- $defaults := include "service-lib.connections" .root | fromJson }}
{{- $sum := 0 }}
{{- $terms := list }}
{{- range $name, $values := .charts }}
{{- if eq $values.database.kind "postgresql" }}
{{- $each := $values.settings.KURS_DATABASE_CONNECTIONS | default (get $defaults $name) | int }}
{{- $scaled := or $values.autoscaling.enabled $values.autoscaling.external }}
{{- $pods := add1 (ternary $values.autoscaling.maxReplicas $values.replicaCount $scaled) }}
{{- $sum = add $sum (mul $each $pods) }}
{{- $terms = append $terms (printf "%s %d * %d" $name $pods $each) }}
{{- end }}
{{- end }}
{{- if and (int .limit) (gt (int $sum) (int .limit)) }}
{{- fail (printf "pods could open %d connections (%s, one pod more than there are at most during an update), and the server lets in %d: lower <service>.settings.KURS_DATABASE_CONNECTIONS or the replicas, or raise the server's max_connections and global.database.maxConnections" (int $sum) (join ", " $terms) (int .limit)) }}
{{- end }}
{{- end }}

{{/*
Fails when a Secret or its key is missing, on a cluster: `helm template` finds nothing at all. A
namespace always has its `default` account, and who may make the namespace may look at others.

  include "service-lib.requireSecret" (dict "root" $ "name" … "key" … "holds" …)
*/}}
{{- define "service-lib.requireSecret" -}}
{{- $namespace := .root.Release.Namespace }}
{{- if or (lookup "v1" "ServiceAccount" $namespace "default") (lookup "v1" "Namespace" "" "kube-system") }}
{{- $secret := lookup "v1" "Secret" $namespace .name }}
{{- $advice := "docs/operations.md says how to make it" }}
{{- if not $secret }}
{{- fail (printf "the Secret %s is missing in namespace %s: it holds %s under the key %s; %s" .name $namespace .holds .key $advice) }}
{{- else if not (hasKey ($secret.data | default dict) .key) }}
{{- fail (printf "the Secret %s in namespace %s has no key %s: it holds %s; %s" .name $namespace .key .holds $advice) }}
{{- end }}
{{- end }}
{{- end }}
