{{/* Every missing value in one message. */}}
{{- define "tradecore.required" -}}
{{- $missing := list -}}
{{- $running := include "tradecore.running" . | fromJsonArray -}}
{{- if not .Values.postgres.host }}{{ $missing = append $missing "postgres.host: the name of the PostgreSQL server" }}{{ end -}}
{{- if not .Values.kafka.brokers }}{{ $missing = append $missing "kafka.brokers: host:port of the Kafka API, comma separated" }}{{ end -}}
{{- if not (or .Values.redis.url .Values.redis.existingSecret) }}{{ $missing = append $missing "redis.url or redis.existingSecret: redis://host:6379" }}{{ end -}}
{{- if and .Values.migrator.enabled (not (or .Values.postgres.owner.password .Values.postgres.owner.existingSecret)) -}}
{{- $missing = append $missing "postgres.owner.existingSecret or postgres.owner.password: the login that owns the schema" -}}
{{- end -}}
{{- if or (has "command-api" $running) (has "query-api" $running) -}}
{{- if not .Values.jwt.issuer }}{{ $missing = append $missing "jwt.issuer: who signs the tokens, as in their iss" }}{{ end -}}
{{- if not .Values.jwt.jwksUrl }}{{ $missing = append $missing "jwt.jwksUrl: where the issuer's public keys are" }}{{ end -}}
{{- end -}}
{{- if has "broker-gateway" $running -}}
{{- if eq (include "tradecore.tradesOnPaper" .) "false" -}}
{{- if not .Values.broker.url }}{{ $missing = append $missing "broker.url: the broker's trading API; or services.paper-broker.enabled=true to trade on paper" }}{{ end -}}
{{- if and .Values.broker.url (not (or .Values.broker.existingSecret (and .Values.broker.keyId .Values.broker.secretKey))) -}}
{{- $missing = append $missing "broker.existingSecret, or broker.keyId and broker.secretKey: the keys that the broker gave you" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (has "paper-broker" $running) .Values.broker.url -}}
{{- $missing = append $missing "one broker: broker.url or services.paper-broker.enabled, not both (the paper broker would be shown the keys of the other)" -}}
{{- end -}}
{{- if and .Values.route.enabled (not .Values.route.parentRefs) }}{{ $missing = append $missing "route.parentRefs: the Gateway that the route hangs on" }}{{ end -}}
{{- if $missing }}{{ fail (printf "\n\nMissing values:\n  %s\n" (join "\n  " $missing)) }}{{ end -}}
{{- end -}}
