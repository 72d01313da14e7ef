{{/* The settings stand in the pods that read them, not in a ConfigMap: a change rolls exactly those, and a rollback brings the old ones back. */}}
{{- define "tradecore.commonEnv" -}}
- { name: NODE_ENV, value: production }
- { name: HOST, value: 0.0.0.0 }
- { name: ADMIN_HOST, value: {{ .Values.settings.adminHost | quote }} }
# Pods may come long before their servers: they wait, not ready, for ten minutes.
- { name: START_LIMIT, value: '600000' }
- { name: LOG_LEVEL, value: {{ .Values.settings.logLevel | quote }} }
- { name: NAMESPACE, value: {{ .Values.settings.namespace | quote }} }
{{- end -}}

{{/* { root, name, service }: all that a service reads from its environment. */}}
{{- define "tradecore.env" -}}
{{- $root := .root -}}{{- $service := .service -}}
{{ include "tradecore.commonEnv" $root }}
- { name: ADMIN_PORT, value: '9081' }
# The drain: what the grace period leaves after preStop, and 5 s to spare.
- { name: STOP_LIMIT, value: '{{ sub $service.terminationGracePeriodSeconds 10 }}000' }
{{- if $service.http }}
- { name: PORT, value: '8080' }
{{- end }}
{{- if $service.login }}
{{ include "tradecore.database" (dict "root" $root "login" (include "tradecore.login" (dict "root" $root "service" .name)) "secret" (include "tradecore.secretName" (dict "root" $root "kind" "logins")) "key" .name) }}
{{- end }}
{{- if $service.kafka }}
{{ include "tradecore.kafkaEnv" $root }}
{{- end }}
{{- if $service.redis }}
{{ include "tradecore.redisEnv" $root }}
{{- end }}
{{- if has .name (list "command-api" "query-api") }}
{{ include "tradecore.doorEnv" $root }}
{{- end }}
{{- include (printf "tradecore.envOf.%s" (ternary .name "other" (has .name (list "query-api" "broker-gateway" "paper-broker" "gateway" "token-issuer")))) $root }}
{{- if $root.Values.settings.otlpEndpoint }}
{{ include "tradecore.telemetryEnv" . }}
{{- end }}
{{- range $key := keys $service.env | sortAlpha }}
- { name: {{ $key }}, value: {{ get $service.env $key | quote }} }
{{- end }}
{{- with $service.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
{ root, login, secret, key }: the URL carries no password. The driver takes it from PGPASSWORD, so that
a password may have any character and never needs to be escaped.
*/}}
{{- define "tradecore.database" -}}
{{- $at := include "tradecore.postgres" .root | fromJson -}}
- name: PGPASSWORD
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
- name: DATABASE_URL
  value: {{ printf "postgres://%s@%s:%v/%s%s" .login $at.host $at.port $at.database $at.query | quote }}
{{- end -}}

{{- define "tradecore.kafkaEnv" -}}
{{- $at := .Values.redpanda.external -}}
- { name: KAFKA_BROKERS, value: {{ include "tradecore.brokers" . | quote }} }
{{- if $at.tls.enabled }}
- { name: KAFKA_TLS, value: 'true' }
{{- end }}
{{- if $at.tls.ca.existingSecret }}
- { name: KAFKA_CA_FILE, value: /run/servers/kafka-ca.crt }
{{- end }}
{{- if $at.tls.certificate.existingSecret }}
- { name: KAFKA_CERT_FILE, value: /run/servers/kafka.crt }
- { name: KAFKA_KEY_FILE, value: /run/servers/kafka.key }
{{- end }}
{{- with $at.sasl.mechanism }}
- { name: KAFKA_SASL_MECHANISM, value: {{ . }} }
- { name: KAFKA_SASL_USERNAME_FILE, value: /run/servers/kafka-username }
- { name: KAFKA_SASL_PASSWORD_FILE, value: /run/servers/kafka-password }
{{- end }}
{{- end -}}

{{- define "tradecore.redisEnv" -}}
{{- $secret := include "tradecore.secretName" (dict "root" . "kind" "redis") -}}
{{- if .Values.redis.enabled -}}
- name: REDIS_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .Values.redis.passwordKey }} } }
- { name: REDIS_URL, value: 'redis://:$(REDIS_PASSWORD)@{{ include "tradecore.fullname" . }}-redis:6379' }
{{- else -}}
- name: REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .Values.redis.external.urlKey }} } }
{{- if .Values.redis.external.ca.existingSecret }}
- { name: REDIS_CA_FILE, value: /run/servers/redis-ca.crt }
{{- end }}
{{- end -}}
{{- end -}}

{{/* Of the two doors: whose tokens they take, and what a client may. */}}
{{- define "tradecore.doorEnv" -}}
{{- if eq (include "tradecore.issues" .) "true" -}}
- { name: JWT_ISSUER, value: {{ include "tradecore.issuerUrl" . | quote }} }
- { name: JWT_JWKS_URL, value: {{ include "tradecore.jwksUrl" . | quote }} }
- { name: NODE_EXTRA_CA_CERTS, value: /run/issuer/tls.crt }
{{- else -}}
- { name: JWT_ISSUER, value: {{ .Values.jwt.issuer | quote }} }
- { name: JWT_JWKS_URL, value: {{ .Values.jwt.jwksUrl | quote }} }
{{- end }}
- { name: JWT_AUDIENCE, value: {{ .Values.jwt.audience | quote }} }
- { name: JWT_ALGORITHMS, value: {{ join "," .Values.jwt.algorithms | quote }} }
- { name: JWT_TYP, value: {{ .Values.jwt.typ | quote }} }
- { name: JWT_MAX_AGE, value: {{ int .Values.jwt.maxAge | quote }} }
{{- with .Values.settings.corsOrigins }}
- { name: CORS_ORIGINS, value: {{ join "," . | quote }} }
{{- end }}
{{- range $name := keys .Values.limits | sortAlpha }}
- { name: {{ $name }}, value: {{ get $.Values.limits $name | toString | quote }} }
{{- end }}
{{- end -}}

{{- define "tradecore.jwksUrl" -}}
{{- if eq (include "tradecore.issues" .) "true" -}}
{{- include "tradecore.issuerUrl" . }}/.well-known/jwks.json
{{- else -}}
{{- .Values.jwt.jwksUrl -}}
{{- end -}}
{{- end -}}

{{- define "tradecore.telemetryEnv" -}}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .root.Values.settings.otlpEndpoint | quote }} }
- name: POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- { name: OTEL_SERVICE_NAME, value: {{ .name }} }
- { name: OTEL_RESOURCE_ATTRIBUTES, value: 'k8s.namespace.name={{ .root.Release.Namespace }},k8s.pod.name=$(POD_NAME)' }
{{- end -}}

{{- define "tradecore.envOf.other" }}{{ end -}}

{{- define "tradecore.envOf.query-api" }}
- name: STREAM_TICKET_KEY
  valueFrom: { secretKeyRef: { name: {{ include "tradecore.secretName" (dict "root" . "kind" "stream") }}, key: {{ .Values.stream.ticketKeyKey }} } }
{{- end -}}

{{- define "tradecore.envOf.gateway" }}
- { name: COMMANDS_URL, value: 'http://{{ include "tradecore.fullname" . }}-command-api' }
- { name: QUERIES_URL, value: 'http://{{ include "tradecore.fullname" . }}-query-api' }
{{- end -}}

{{- define "tradecore.envOf.token-issuer" }}
- { name: ISSUER, value: {{ include "tradecore.issuerUrl" . | quote }} }
- { name: AUDIENCE, value: {{ .Values.jwt.audience | quote }} }
- { name: ISSUER_KEY_FILE, value: /run/issuer/signing-key }
- { name: TLS_CERT_FILE, value: /run/issuer/tls.crt }
- { name: TLS_KEY_FILE, value: /run/issuer/tls.key }
{{- end -}}

{{- define "tradecore.envOf.paper-broker" }}
- { name: PAPER_STATE, value: /var/lib/paper-broker }
{{ include "tradecore.brokerKeys" (dict "root" . "prefix" "PAPER") }}
{{- end -}}

{{/* The gateway's settings of its brokerage: that of the values, else the paper broker of this release. */}}
{{- define "tradecore.envOf.broker-gateway" }}
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
{{- $secret := include "tradecore.secretName" (dict "root" .root "kind" "broker") -}}
- name: {{ .prefix }}_KEY_ID
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .root.Values.broker.keyIdKey }} } }
- name: {{ .prefix }}_SECRET_KEY
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .root.Values.broker.secretKeyKey }} } }
{{- end -}}
