{{/* { root, component, values }: what every pod of this chart says beside its containers. `values`: a service's, or a server's. */}}
{{- define "tradecore.pod" -}}
serviceAccountName: {{ include "tradecore.fullname" .root }}-{{ .component }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .values.podSecurityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.terminationGracePeriodSeconds }}
terminationGracePeriodSeconds: {{ int . }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* { root, component }: a pod's own account, without rights and without a token. */}}
{{- define "tradecore.serviceAccount" }}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{- include "tradecore.metadata" . | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}

{{/* { root, component } */}}
{{- define "tradecore.disruptionBudget" }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "tradecore.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "tradecore.selector" . | nindent 6 }}
{{- end -}}

{{/* { root, component }: over nodes and over zones, where that can be had. */}}
{{- define "tradecore.spread" -}}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "tradecore.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end -}}

{{/* { root, service, more? }: the arguments of Node, which the image starts. */}}
{{- define "tradecore.args" -}}
args: [{{ if .root.Values.settings.otlpEndpoint }}'--import', '@tradecore/telemetry/start', {{ end }}'services/{{ .service }}/dist/main.js'{{ range .more }}, {{ squote . }}{{ end }}]
{{- end -}}

{{/* { of } (a service, or the migrator): the labels by which policies of the bundled servers know it. */}}
{{- define "tradecore.clientLabels" -}}
{{- if .login }}
{{ include "tradecore.clientOf" "postgres" }}
{{- end }}
{{- if .kafka }}
{{ include "tradecore.clientOf" "kafka" }}
{{- end }}
{{- if .redis }}
{{ include "tradecore.clientOf" "redis" }}
{{- end }}
{{- end -}}
