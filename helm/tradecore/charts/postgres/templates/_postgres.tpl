{{- define "postgres.manifests" -}}
{{- $values := .Values.postgres -}}
{{- $secret := include "tradecore.secretName" (dict "root" . "kind" "postgres") -}}
{{- $access := include "postgres.access" . -}}
{{- $volumes := printf "- { name: run, emptyDir: { sizeLimit: 16Mi } }\n- { name: shm, emptyDir: { medium: Memory, sizeLimit: 128Mi } }\n- { name: access, configMap: { name: %s-postgres } }" (include "tradecore.fullname" .) -}}
{{- include "tradecore.server" (dict "root" . "name" "postgres" "kind" "StatefulSet" "values" $values "more" (printf "serviceName: %s-postgres" (include "tradecore.fullname" .)) "container" (include "postgres.container" .) "sidecars" (include "postgres.exporter" .) "volumes" $volumes "claim" $values.persistence "checksum" (sha256sum $access)) }}
---
apiVersion: v1
kind: ConfigMap
metadata: {{- include "tradecore.metadata" (dict "root" . "component" "postgres") | nindent 2 }}
data: {{- $access | nindent 2 }}
{{- include "tradecore.serverService" (dict "root" . "name" "postgres" "ports" "- { name: postgres, port: 5432, targetPort: postgres }") }}
{{- include "tradecore.serverPolicy" (dict "root" . "name" "postgres" "ingress" (include "postgres.ingress" .)) }}
{{- end -}}

{{- define "postgres.container" -}}
{{- $values := .Values.postgres -}}
{{- if not (kindIs "invalid" $values.args) }}
args: {{- toYaml $values.args | nindent 2 }}
{{- else }}
args:
  - postgres
  - -c
  - max_connections={{ include "postgres.maxConnections" . }}
  # WAL that a backup has not received is kept to this size: beyond it a full disk is worse than a gap.
  - -c
  - max_slot_wal_keep_size=4GB
  - -c
  - hba_file=/etc/tradecore/pg_hba.conf
  {{- range $name := keys $values.settings | sortAlpha }}
  - -c
  - {{ printf "%s=%v" $name (get $values.settings $name) | quote }}
  {{- end }}
{{- end }}
ports: [{ name: postgres, containerPort: 5432 }]
env:
  - { name: POSTGRES_USER, value: tradecore }
  - { name: POSTGRES_DB, value: tradecore }
  - { name: POSTGRES_INITDB_ARGS, value: --data-checksums }
  - { name: PGDATA, value: /var/lib/postgresql/data/pgdata }
  - name: POSTGRES_PASSWORD
    valueFrom: { secretKeyRef: { name: {{ include "tradecore.secretName" (dict "root" . "kind" "postgres") }}, key: {{ $values.passwordKey }} } }
  {{- with $values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
# SIGTERM alone waits for sessions to end by themselves, which those of a pool do not.
lifecycle:
  preStop: { exec: { command: [sh, -c, 'pg_ctl -D "$PGDATA" -m fast -W stop'] } }
volumeMounts:
  - { name: data, mountPath: /var/lib/postgresql/data }
  - { name: run, mountPath: /var/run/postgresql }
  - { name: shm, mountPath: /dev/shm }
  - { name: tmp, mountPath: /tmp }
  - { name: access, mountPath: /etc/tradecore, readOnly: true }
{{- end -}}

{{/* Everybody with a password; `all` does not cover replication, which is for the backup alone. `local` is within the pod. */}}
{{- define "postgres.access" -}}
pg_hba.conf: |
  local all all trust
  host all all all scram-sha-256
  {{- if eq (include "tradecore.backsUp" .) "true" }}
  host replication {{ include "tradecore.login" (dict "root" . "service" "backup") }} all scram-sha-256
  {{- end }}
{{- end -}}

{{/* In hundreds, so that a replica more does not restart the database. */}}
{{- define "postgres.maxConnections" -}}
{{- if kindIs "invalid" .Values.postgres.maxConnections -}}
{{- mul 100 (add1 (div (include "tradecore.connections" . | int) 100)) -}}
{{- else -}}
{{- int .Values.postgres.maxConnections -}}
{{- end -}}
{{- end -}}

{{- define "postgres.exporter" -}}
{{- $values := .Values.postgres -}}
{{- if $values.exporter.enabled -}}
- name: exporter
  image: {{ include "tradecore.imageOf" (dict "root" . "image" $values.exporter.image) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  securityContext: {{- toYaml $values.securityContext | nindent 4 }}
  ports: [{ name: metrics, containerPort: 9187 }]
  env:
    - { name: DATA_SOURCE_URI, value: '127.0.0.1:5432/tradecore?sslmode=disable' }
    - { name: DATA_SOURCE_USER, value: tradecore }
    - name: DATA_SOURCE_PASS
      valueFrom: { secretKeyRef: { name: {{ include "tradecore.secretName" (dict "root" . "kind" "postgres") }}, key: {{ $values.passwordKey }} } }
  resources: {{- toYaml $values.exporter.resources | nindent 4 }}
{{- end -}}
{{- end -}}

{{- define "postgres.ingress" -}}
- ports: [{ port: postgres, protocol: TCP }]
  from: {{- include "tradecore.clientsOf" (dict "root" . "server" "postgres") | nindent 4 }}
{{- if and .Values.postgres.exporter.enabled .Values.networkPolicies.scrapers }}
- ports: [{ port: metrics, protocol: TCP }]
  from: {{- toYaml .Values.networkPolicies.scrapers | nindent 4 }}
{{- end }}
{{- end -}}
