{{- define "console.manifests" -}}
{{- $values := merge (deepCopy .Values.console) (dict "podLabels" (dict)) -}}
{{- $_ := set $values "podLabels" (merge (dict) $values.podLabels (include "tradecore.clientOf" "kafka" | fromYaml)) -}}
{{- include "tradecore.server" (dict "root" . "name" "console" "kind" "Deployment" "values" $values "container" (include "console.container" .)) }}
{{- include "tradecore.serverService" (dict "root" . "name" "console" "ports" "- { name: http, port: 80, targetPort: http }") }}
{{- include "tradecore.serverPolicy" (dict "root" . "name" "console" "ingress" (include "console.ingress" .) "egress" (include "tradecore.toKafka" .)) }}
{{- end -}}

{{- define "console.container" -}}
{{- $values := .Values.console -}}
{{- with $values.args }}
args: {{- toYaml . | nindent 2 }}
{{- end }}
ports: [{ name: http, containerPort: 8080 }]
env:
  - { name: KAFKA_BROKERS, value: {{ include "tradecore.brokers" . | quote }} }
  # Without the admin API it can't touch the cluster's own settings and users.
  - { name: REDPANDA_ADMINAPI_ENABLED, value: 'false' }
  {{- with $values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - { name: tmp, mountPath: /tmp }
{{- end -}}

{{- define "console.ingress" -}}
{{- with .Values.networkPolicies.console -}}
- ports: [{ port: http, protocol: TCP }]
  from: {{- toYaml . | nindent 4 }}
{{- end -}}
{{- end -}}
