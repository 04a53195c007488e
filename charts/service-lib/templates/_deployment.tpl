{{/* The Deployment of a service, its Service, its account, and the volume of an embedded database. */}}

{{- define "service-lib.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Chart.Name }}
  labels: {{- include "service-lib.labels" . | nindent 4 }}
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicaCount }}
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
    metadata:
      labels: {{- include "service-lib.labels" . | nindent 8 }}
      {{- with .Values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ .Chart.Name }}
      {{- include "service-lib.podSecurity" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ .Values.shutdown.graceSeconds }}
      topologySpreadConstraints: {{- include "service-lib.spread" . | trim | nindent 8 }}
      {{- with include "service-lib.placement" . | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      containers:
        - name: {{ .Chart.Name }}
          {{- include "service-lib.containerSecurity" . | nindent 10 }}
          ports:
            - {name: http, containerPort: {{ include "service-lib.port" . }}}
            - {name: operations, containerPort: {{ include "service-lib.operationsPort" . }}}
          env: {{- include "service-lib.env" . | nindent 12 }}
          volumeMounts: {{- include "service-lib.volumeMounts" . | nindent 12 }}
          resources: {{- toYaml .Values.resources | nindent 12 }}
          {{- with .Values.probes }}
          startupProbe: {{- mergeOverwrite (dict "httpGet" (dict "path" "/healthz" "port" "operations")) .startup | toYaml | nindent 12 }}
          readinessProbe: {{- mergeOverwrite (dict "httpGet" (dict "path" "/readyz" "port" "operations")) .readiness | toYaml | nindent 12 }}
          livenessProbe: {{- mergeOverwrite (dict "httpGet" (dict "path" "/healthz" "port" "operations")) .liveness | toYaml | nindent 12 }}
          {{- end }}
          lifecycle: {preStop: {sleep: {seconds: {{ .Values.shutdown.preStopSeconds }}}}}
      volumes: {{- include "service-lib.volumes" . | nindent 8 }}
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
spec:
  type: {{ .Values.service.type }}
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

{{- define "service-lib.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Chart.Name }}
  labels: {{- include "service-lib.labels" . | nindent 4 }}
  {{- with .Values.serviceAccount.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
# No service of ours talks to the API server.
automountServiceAccountToken: false
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
