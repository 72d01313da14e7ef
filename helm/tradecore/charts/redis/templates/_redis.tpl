{{- define "redis.manifests" -}}
{{- $checksum := include "tradecore.secretValue" (dict "root" . "kind" "redis" "key" .Values.redis.passwordKey) | sha256sum -}}
{{- include "tradecore.server" (dict "root" . "name" "redis" "kind" "Deployment" "values" .Values.redis "container" (include "redis.container" .) "checksum" $checksum) }}
{{- include "tradecore.serverService" (dict "root" . "name" "redis" "ports" "- { name: redis, port: 6379, targetPort: redis }") }}
{{- include "tradecore.serverPolicy" (dict "root" . "name" "redis" "ingress" (include "redis.ingress" .)) }}
{{- end -}}

{{- define "redis.container" -}}
{{- $values := .Values.redis -}}
{{- if not (kindIs "invalid" $values.args) }}
args: {{- toYaml $values.args | nindent 2 }}
{{- else }}
args: [redis-server, --save, '', --appendonly, 'no', --dir, /tmp, --maxmemory, {{ $values.maxmemory }}, --maxmemory-policy, allkeys-lru, --requirepass, $(REDIS_PASSWORD)]
{{- end }}
ports: [{ name: redis, containerPort: 6379 }]
env:
  - name: REDIS_PASSWORD
    valueFrom: { secretKeyRef: { name: {{ include "tradecore.secretName" (dict "root" . "kind" "redis") }}, key: {{ $values.passwordKey }} } }
  {{- with $values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - { name: tmp, mountPath: /tmp }
{{- end -}}

{{- define "redis.ingress" -}}
- ports: [{ port: redis, protocol: TCP }]
  from: {{- include "tradecore.clientsOf" (dict "root" . "server" "redis") | nindent 4 }}
{{- end -}}
