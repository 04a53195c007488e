{{/* The Deployment of a service, its Service, its account, and the volume of an embedded database. */}}

{{- define "service-lib.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Chart.Name }}
  labels: {{- include "service-lib.labels" . | nindent 4 }}
  {{- if include "service-lib.handedOver" . }}
  annotations: {kurs.dev/replicas-handed-over: "true"}
  {{- end }}
spec:
  {{- with include "service-lib.replicas" . }}
  replicas: {{ . }}
  {{- end }}
  revisionHistoryLimit: 3
  {{- if eq .Values.database.kind "sqlite" }}
  # Two pods must never have the database file open.
  strategy: {type: Recreate}
  {{- else }}
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  {{- end }}
  selector:
    matchLabels: {{- include "service-lib.selector" . | nindent 6 }}
  template:
    {{- $pod := dict
      "root" $
      "labels" (include "service-lib.labels" .)
      "account" (include "service-lib.accountName" .)
      "scratch" "tmp"
      "spec" (include "service-lib.servicePodSpec" .)
      "init" (include "service-lib.serviceInit" .)
      "containers" (include "service-lib.container" .)
      "volumes" (include "service-lib.volumes" .) }}
    {{- include "service-lib.podTemplate" $pod | nindent 4 }}
{{- end }}

{{- define "service-lib.servicePodSpec" -}}
terminationGracePeriodSeconds: {{ .Values.shutdown.graceSeconds }}
topologySpreadConstraints: {{- include "service-lib.spread" . | trim | nindent 2 }}
{{- end }}

{{- /* A bundled database is migrated by the pods themselves: _migration.tpl says why. */ -}}
{{- define "service-lib.serviceInit" -}}
{{- if and (eq .Values.database.kind "postgresql") .Values.global.database.bundled }}
{{- include "service-lib.migrate" . }}
{{- end }}
{{- end }}

{{- define "service-lib.container" -}}
- name: {{ .Chart.Name }}
  {{- include "service-lib.containerSecurity" . | nindent 2 }}
  ports:
    - {name: http, containerPort: {{ include "service-lib.port" . }}}
    - {name: operations, containerPort: {{ include "service-lib.operationsPort" . }}}
  env: {{- include "service-lib.env" . | nindent 4 }}
  volumeMounts: {{- include "service-lib.volumeMounts" . | nindent 4 }}
  resources: {{- toYaml .Values.resources | nindent 4 }}
  {{- with .Values.probes }}
  startupProbe: {{- mergeOverwrite (dict "httpGet" (dict "path" "/healthz" "port" "operations")) .startup | toYaml | nindent 4 }}
  readinessProbe: {{- mergeOverwrite (dict "httpGet" (dict "path" "/readyz" "port" "operations")) .readiness | toYaml | nindent 4 }}
  livenessProbe: {{- mergeOverwrite (dict "httpGet" (dict "path" "/healthz" "port" "operations")) .liveness | toYaml | nindent 4 }}
  {{- end }}
  lifecycle: {preStop: {sleep: {seconds: {{ .Values.shutdown.preStopSeconds }}}}}
{{- end }}

{{- define "service-lib.spread" -}}
{{- range $key, $when := dict "kubernetes.io/hostname" .Values.spread.hostname "topology.kubernetes.io/zone" .Values.spread.zone }}
- topologyKey: {{ $key }}
  maxSkew: 1
  whenUnsatisfiable: {{ $when }}
  # Of this ReplicaSet alone: pods that are leaving must not push new ones aside.
  matchLabelKeys: [pod-template-hash]
  labelSelector: {matchLabels: {app.kubernetes.io/name: {{ $.Chart.Name }}, app.kubernetes.io/instance: {{ $.Release.Name }}}}
{{- end }}
{{- end }}

{{- define "service-lib.network-service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .Chart.Name }}
  labels: {{- include "service-lib.labels" . | nindent 4 }}
  {{- with .Values.service.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .Values.service.type }}
  {{- with .Values.service.loadBalancerClass }}
  loadBalancerClass: {{ . }}
  {{- end }}
  {{- with .Values.service.loadBalancerSourceRanges }}
  loadBalancerSourceRanges: {{ toJson . }}
  {{- end }}
  {{- with .Values.service.externalTrafficPolicy }}
  externalTrafficPolicy: {{ . }}
  {{- end }}
  selector: {{- include "service-lib.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ include "service-lib.port" . }}
      targetPort: http
      appProtocol: http
      {{- with .Values.service.nodePort }}
      nodePort: {{ . }}
      {{- end }}
{{- end }}

{{/* Apart from the Service that callers use: that one may be open to the world. */}}
{{- define "service-lib.operations-service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .Chart.Name }}-operations
  labels: {{- include "service-lib.labels" . | nindent 4 }}
spec:
  clusterIP: None
  # Metrics of a pod that is not ready are wanted most.
  publishNotReadyAddresses: true
  selector: {{- include "service-lib.selector" . | nindent 4 }}
  ports:
    - {name: operations, port: {{ include "service-lib.operationsPort" . }}, targetPort: operations, appProtocol: http}
{{- end }}

{{- define "service-lib.accountName" -}}
{{ .Values.serviceAccount.name | default (ternary .Chart.Name "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "service-lib.account" -}}
{{- if .Values.serviceAccount.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "service-lib.accountName" . }}
  labels: {{- include "service-lib.labels" . | nindent 4 }}
  {{- with .Values.serviceAccount.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
# No service of ours talks to the API server.
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{- define "service-lib.volumeClaim" -}}
{{- if eq .Values.database.kind "sqlite" }}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .Chart.Name }}-database
  labels: {{- include "service-lib.labels" . | nindent 4 }}
  annotations: {helm.sh/resource-policy: keep}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: {{ .Values.database.volume.size }}}}
  {{- with .Values.database.volume.storageClassName }}
  storageClassName: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
