{{/* Pod Security `restricted`, for every pod of this chart. */}}
{{- define "tradecore.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "tradecore.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{/* The settings of every process of the fleet. Nothing secret: it is a ConfigMap. */}}
{{- define "tradecore.settings" -}}
NODE_ENV: production
HOST: 0.0.0.0
ADMIN_HOST: {{ .Values.settings.adminHost | quote }}
# Pods may come long before their servers: they wait, not ready, for ten minutes.
START_LIMIT: '600000'
LOG_LEVEL: {{ .Values.settings.logLevel | quote }}
NAMESPACE: {{ .Values.settings.namespace | quote }}
KAFKA_BROKERS: {{ .Values.kafka.brokers | quote }}
{{- with .Values.settings.corsOrigins }}
CORS_ORIGINS: {{ join "," . | quote }}
{{- end }}
JWT_ISSUER: {{ .Values.jwt.issuer | quote }}
JWT_AUDIENCE: {{ .Values.jwt.audience | quote }}
JWT_JWKS_URL: {{ .Values.jwt.jwksUrl | quote }}
JWT_ALGORITHMS: {{ join "," .Values.jwt.algorithms | quote }}
JWT_TYP: {{ .Values.jwt.typ | quote }}
JWT_MAX_AGE: {{ int .Values.jwt.maxAge | quote }}
{{- range $name := keys .Values.limits | sortAlpha }}
{{ $name }}: {{ get $.Values.limits $name | toString | quote }}
{{- end }}
{{- with .Values.settings.otlpEndpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . | quote }}
{{- end }}
{{- end -}}

{{/*
{ root, login, secret, key }: the URL carries no password. The driver takes it from PGPASSWORD, so that
a password may have any character and never needs to be escaped.
*/}}
{{- define "tradecore.database" -}}
- name: PGPASSWORD
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
- name: DATABASE_URL
  value: {{ printf "postgres://%s@%s:%v/%s%s" .login .root.Values.postgres.host .root.Values.postgres.port .root.Values.postgres.database (ternary (printf "?sslmode=%s" .root.Values.postgres.sslmode) "" (ne .root.Values.postgres.sslmode "")) | quote }}
{{- end -}}

{{/* { root, service }: the arguments of Node, which the image starts. */}}
{{- define "tradecore.args" -}}
args: [{{ if .root.Values.settings.otlpEndpoint }}'--import', '@tradecore/telemetry/start', {{ end }}'services/{{ .service }}/dist/main.js']
{{- end -}}

{{/* The gateway's settings of its brokerage: that of the values, else the paper broker of this release. */}}
{{- define "tradecore.broker" -}}
- { name: BROKER, value: {{ ternary "paper" .Values.broker.kind (include "tradecore.tradesOnPaper" . | eq "true") }} }
- { name: BROKER_URL, value: {{ default (printf "http://%s-paper-broker" (include "tradecore.fullname" .)) .Values.broker.url | quote }} }
{{- with .Values.broker.streamUrl }}
- { name: BROKER_STREAM_URL, value: {{ . | quote }} }
{{- end }}
{{- if not (kindIs "invalid" .Values.broker.replaceCarriesFills) }}
- { name: BROKER_REPLACE_CARRIES_FILLS, value: {{ .Values.broker.replaceCarriesFills | quote }} }
{{- end }}
{{- with .Values.broker.sweepMs }}
- { name: BROKER_SWEEP, value: {{ int . | quote }} }
{{- end }}
{{ include "tradecore.brokerKeys" (dict "root" . "prefix" "BROKER") }}
{{- end -}}

{{/* { root, prefix }: the broker's key pair, for the one who shows it and for the paper broker, who asks for it. */}}
{{- define "tradecore.brokerKeys" -}}
- name: {{ .prefix }}_KEY_ID
  valueFrom: { secretKeyRef: { name: {{ include "tradecore.brokerSecret" .root }}, key: {{ .root.Values.broker.keyIdKey }} } }
- name: {{ .prefix }}_SECRET_KEY
  valueFrom: { secretKeyRef: { name: {{ include "tradecore.brokerSecret" .root }}, key: {{ .root.Values.broker.secretKeyKey }} } }
{{- end -}}
