{{- define "redpanda.manifests" -}}
{{- $values := .Values.redpanda -}}
{{- $settings := include "redpanda.settings" . -}}
{{- $volumes := printf "- { name: settings, configMap: { name: %s-redpanda } }\n- { name: etc, emptyDir: { sizeLimit: 16Mi } }" (include "tradecore.fullname" .) -}}
{{- $more := printf "serviceName: %s-redpanda\npodManagementPolicy: Parallel\nminReadySeconds: 10" (include "tradecore.fullname" .) -}}
{{- include "tradecore.server" (dict "root" . "name" "redpanda" "kind" "StatefulSet" "values" $values "more" $more "init" (include "redpanda.init" .) "container" (include "redpanda.container" .) "volumes" $volumes "claim" $values.persistence "checksum" (sha256sum $settings)) }}
---
apiVersion: v1
kind: ConfigMap
metadata: {{- include "tradecore.metadata" (dict "root" . "component" "redpanda") | nindent 2 }}
data: {{- $settings | nindent 2 }}
{{- include "tradecore.serverService" (dict "root" . "name" "redpanda" "headless" true "ports" "- { name: kafka, port: 9092, targetPort: kafka }\n- { name: admin, port: 9644, targetPort: admin }\n- { name: rpc, port: 33145, targetPort: rpc }") }}
{{- include "tradecore.serverPolicy" (dict "root" . "name" "redpanda" "ingress" (include "redpanda.ingress" .) "egress" (include "redpanda.egress" .)) }}
{{- end -}}

{{/* { root, pod }: the address of one broker. */}}
{{- define "redpanda.host" -}}
{{- printf "%s.%s-redpanda.%s.svc" .pod (include "tradecore.fullname" .root) .root.Release.Namespace -}}
{{- end -}}

{{/*
redpanda.yaml is read at each start, .bootstrap.yaml when the cluster first starts. No developer mode: it acknowledges what no disk has.
Topics are declared, never made by accident; consumer groups have metrics; a write counts when it is on disk.
*/}}
{{- define "redpanda.settings" -}}
{{- $values := .Values.redpanda -}}
{{- $copies := include "tradecore.replication" . | int -}}
redpanda.yaml: |
  redpanda:
    data_directory: /var/lib/redpanda/data
    developer_mode: false
    empty_seed_starts_cluster: false
    seed_servers:
      {{- range $n := until (int $values.replicas) }}
      - host: { address: {{ include "redpanda.host" (dict "root" $ "pod" (printf "%s-redpanda-%d" (include "tradecore.fullname" $) $n)) }}, port: 33145 }
      {{- end }}
    kafka_api: [{ name: internal, address: 0.0.0.0, port: 9092 }]
    admin: [{ address: 0.0.0.0, port: 9644 }]
    rpc_server: { address: 0.0.0.0, port: 33145 }
  rpk: { overprovisioned: true, enable_usage_stats: false }
.bootstrap.yaml: |
  {{- $properties := dict "auto_create_topics_enabled" false "write_caching_default" "false" "enable_consumer_group_metrics" (list "group" "partition" "consumer_lag") "fetch_reads_debounce_timeout" 1 "default_topic_replications" $copies "minimum_topic_replications" $copies "storage_min_free_bytes" 1073741824 }}
  {{- toYaml (merge (dict) $values.clusterProperties $properties) | nindent 2 }}
{{- end -}}

{{/* Redpanda writes to the folder of its settings. */}}
{{- define "redpanda.init" -}}
- name: settings
  image: {{ include "tradecore.imageOf" (dict "root" . "image" .Values.redpanda.image) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [sh, -c, 'cp /settings/redpanda.yaml /settings/.bootstrap.yaml /etc/redpanda/']
  {{- with .Values.redpanda.securityContext }}
  securityContext: {{- toYaml . | nindent 4 }}
  {{- end }}
  resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 64Mi } }
  volumeMounts:
    - { name: settings, mountPath: /settings }
    - { name: etc, mountPath: /etc/redpanda }
{{- end -}}

{{- define "redpanda.container" -}}
{{- $values := .Values.redpanda -}}
{{- $host := include "redpanda.host" (dict "root" . "pod" "$(POD_NAME)") -}}
{{- if not (kindIs "invalid" $values.args) }}
args: {{- toYaml $values.args | nindent 2 }}
{{- else }}
args:
  - redpanda
  - start
  - --smp={{ int $values.smp }}
  - --memory={{ $values.memory | trimSuffix "i" }}
  - --reserve-memory=0M
  - --overprovisioned
  - --lock-memory=false
  - --check=false
  - --advertise-kafka-addr=internal://{{ $host }}:9092
  - --advertise-rpc-addr={{ $host }}:33145
{{- end }}
ports:
  - { name: kafka, containerPort: 9092 }
  - { name: admin, containerPort: 9644 }
  - { name: rpc, containerPort: 33145 }
env:
  - name: POD_NAME
    valueFrom: { fieldRef: { fieldPath: metadata.name } }
  - { name: BROKER_HOST, value: {{ $host }} }
  {{- with $values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - { name: data, mountPath: /var/lib/redpanda/data }
  - { name: etc, mountPath: /etc/redpanda }
  - { name: tmp, mountPath: /tmp }
{{- end -}}

{{- define "redpanda.ingress" -}}
- ports: [{ port: kafka, protocol: TCP }]
  from: {{- include "tradecore.clientsOf" (dict "root" . "server" "kafka") | nindent 4 }}
- ports: [{ port: kafka, protocol: TCP }, { port: rpc, protocol: TCP }, { port: admin, protocol: TCP }]
  from: {{- include "redpanda.peers" . | nindent 4 }}
{{- end -}}

{{- define "redpanda.egress" -}}
- ports: [{ port: kafka, protocol: TCP }, { port: rpc, protocol: TCP }, { port: admin, protocol: TCP }]
  to: {{- include "redpanda.peers" . | nindent 4 }}
{{- end -}}

{{- define "redpanda.peers" -}}
- podSelector:
    matchLabels: {{- include "tradecore.selector" (dict "root" . "component" "redpanda") | nindent 6 }}
{{- end -}}
