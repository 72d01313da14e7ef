{{/* What the values of external servers lack or spoil together, as a JSON list. */}}
{{- define "tradecore.externalFaults" -}}
{{- $faults := list -}}
{{- $postgres := .Values.postgres.external -}}{{- $kafka := .Values.redpanda.external -}}{{- $redis := .Values.redis.external -}}
{{- $secured := dict "postgres" (or $postgres.sslmode $postgres.ca.existingSecret) "redpanda" (or $kafka.tls.enabled $kafka.sasl.mechanism) "redis" $redis.ca.existingSecret -}}
{{- range $server, $is := $secured -}}
{{- if and $is (get $.Values $server).enabled }}{{ $faults = append $faults (printf "%s.external: TLS and logins are for a server that you name; say %s.enabled=false" $server $server) }}{{ end -}}
{{- end -}}
{{- if and $postgres.ca.existingSecret (not (has $postgres.sslmode (list "require" "verify-ca" "verify-full"))) -}}
{{- $faults = append $faults "postgres.external.ca: nothing is encrypted without postgres.external.sslmode=require, verify-ca or verify-full" -}}
{{- end -}}
{{- if and (eq $postgres.sslmode "verify-ca") (not $postgres.ca.existingSecret) -}}
{{- $faults = append $faults "postgres.external.sslmode=verify-ca needs postgres.external.ca.existingSecret: anyone has a certificate of a public authority; or verify-full" -}}
{{- end -}}
{{- if and (not $kafka.tls.enabled) (or $kafka.tls.ca.existingSecret $kafka.tls.certificate.existingSecret) -}}
{{- $faults = append $faults "redpanda.external.tls.ca and tls.certificate: nothing is encrypted without redpanda.external.tls.enabled=true" -}}
{{- end -}}
{{- if and $kafka.sasl.mechanism (not $kafka.sasl.existingSecret) -}}
{{- $faults = append $faults "redpanda.external.sasl.existingSecret: the Secret with the login" -}}
{{- end -}}
{{- if and $kafka.sasl.existingSecret (not $kafka.sasl.mechanism) -}}
{{- $faults = append $faults "redpanda.external.sasl.mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512" -}}
{{- end -}}
{{- if and .Values.production (eq $kafka.sasl.mechanism "PLAIN") (not $kafka.tls.enabled) -}}
{{- $faults = append $faults "redpanda.external.sasl.mechanism=PLAIN sends the password unencrypted: production needs redpanda.external.tls.enabled=true" -}}
{{- end -}}
{{- if and $redis.ca.existingSecret $redis.url (not (hasPrefix "rediss:" $redis.url)) -}}
{{- $faults = append $faults "redis.external.ca: nothing is encrypted unless redis.external.url begins with rediss:" -}}
{{- end -}}
{{- if and .Values.console.enabled (or $kafka.tls.enabled $kafka.sasl.mechanism) -}}
{{- $faults = append $faults "console.enabled: the Console of the release knows no TLS and no SASL; say console.enabled=false" -}}
{{- end -}}
{{- toJson $faults -}}
{{- end -}}

{{/* Every missing value, and every pair that excludes each other, in one message. */}}
{{- define "tradecore.required" -}}
{{- $faults := list -}}
{{- $running := include "tradecore.running" . | fromJsonArray -}}
{{- $servers := dict "postgres" (list "host" .Values.postgres.external.host) "redpanda" (list "brokers" .Values.redpanda.external.brokers) "redis" (list "url" (default .Values.redis.external.existingSecret .Values.redis.external.url)) -}}
{{- range $server, $external := $servers -}}
{{- $enabled := (get $.Values $server).enabled -}}
{{- if and $enabled (last $external) -}}
{{- $faults = append $faults (printf "%s.enabled or %s.external.%s, not both: say %s.enabled=false to use the server that you name" $server $server (first $external) $server) -}}
{{- else if not (or $enabled (last $external)) -}}
{{- $faults = append $faults (printf "%s.external.%s: where the server is that is not bundled; or %s.enabled=true" $server (first $external) $server) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.migrator.enabled (not .Values.postgres.enabled) (not (or .Values.postgres.external.owner.password .Values.postgres.external.owner.existingSecret)) -}}
{{- $faults = append $faults "postgres.external.owner.existingSecret or postgres.external.owner.password: the login that owns the schema" -}}
{{- end -}}
{{- $faults = concat $faults (include "tradecore.externalFaults" . | fromJsonArray) -}}
{{- $limit := ternary .Values.postgres.maxConnections .Values.postgres.external.maxConnections .Values.postgres.enabled -}}
{{- $need := include "tradecore.connections" . | int -}}
{{- if and (not (kindIs "invalid" $limit)) (gt $need (int $limit)) -}}
{{- $faults = append $faults (printf "postgres%s.maxConnections: %d connections are too few: the pools of all pods may open %d (DATABASE_POOL_SIZE of services.*.env, replicas)" (ternary "" ".external" .Values.postgres.enabled) (int $limit) $need) -}}
{{- end -}}
{{- if and .Values.redpanda.enabled (not (has (int .Values.redpanda.replicas) (list 1 3))) -}}
{{- $faults = append $faults "redpanda.replicas: 1 or 3" -}}
{{- end -}}
{{- if and .Values.redpanda.enabled (gt (include "tradecore.replication" . | int) (int .Values.redpanda.replicas)) -}}
{{- $faults = append $faults (printf "topics.replication: %s copies do not fit on %d broker(s) of redpanda.replicas" (include "tradecore.replication" .) (int .Values.redpanda.replicas)) -}}
{{- end -}}
{{- if or (has "command-api" $running) (has "query-api" $running) -}}
{{- if has "token-issuer" $running -}}
{{- if .Values.jwt.issuer }}{{ $faults = append $faults "jwt.issuer or issuer.enabled, not both: one signs the tokens" }}{{ end -}}
{{- if .Values.production }}{{ $faults = append $faults "jwt.issuer: production needs an identity provider; issuer.enabled is for trials" }}{{ end -}}
{{- else -}}
{{- if not .Values.jwt.issuer }}{{ $faults = append $faults "jwt.issuer: who signs the tokens, as in their iss" }}{{ end -}}
{{- if not .Values.jwt.jwksUrl }}{{ $faults = append $faults "jwt.jwksUrl: where the issuer's public keys are" }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and (has "broker-gateway" $running) (eq (include "tradecore.tradesOnPaper" .) "false") -}}
{{- if not .Values.broker.url }}{{ $faults = append $faults "broker.url: the brokerage's trading API; or services.paper-broker.enabled=true to trade on paper" }}{{ end -}}
{{- if and .Values.broker.url (not (or .Values.broker.existingSecret (and .Values.broker.keyId .Values.broker.secretKey))) -}}
{{- $faults = append $faults "broker.existingSecret, or broker.keyId and broker.secretKey: the keys that the brokerage gave you" -}}
{{- end -}}
{{- end -}}
{{- if and (has "paper-broker" $running) .Values.broker.url -}}
{{- $faults = append $faults "one broker: broker.url or services.paper-broker.enabled, not both (the paper broker would be shown the keys of the other)" -}}
{{- end -}}
{{- if and (eq (include "tradecore.backsUp" .) "true") (not (or .Values.postgres.enabled .Values.backup.postgresImage.tag .Values.backup.postgresImage.digest)) -}}
{{- $faults = append $faults "backup.postgresImage.tag: an image with the programs of the external PostgreSQL, in its version" -}}
{{- end -}}
{{- if .Values.restore.enabled -}}
{{- if not (and .Values.postgres.enabled (eq (include "tradecore.backsUp" .) "true")) -}}
{{- $faults = append $faults "restore.enabled needs the bundled PostgreSQL and its backup; an external server is restored where it runs" -}}
{{- end -}}
{{- if not .Values.restore.why }}{{ $faults = append $faults "restore.why: the reason, kept with the record of the restore" }}{{ end -}}
{{- else if or .Values.restore.to .Values.restore.why -}}
{{- $faults = append $faults "restore.to, restore.why: empty them with restore.enabled=false, or the next restore takes the moment of this one" -}}
{{- end -}}
{{- if and .Values.route.enabled (not .Values.route.parentRefs) }}{{ $faults = append $faults "route.parentRefs: the Gateway that the route hangs on" }}{{ end -}}
{{- if and .Values.ingress.enabled (not (has "gateway" $running)) }}{{ $faults = append $faults "ingress.enabled needs services.gateway.enabled: it can't choose by method" }}{{ end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}{{ $faults = append $faults "ingress.hosts: the names that it answers to" }}{{ end -}}
{{- if $faults }}{{ fail (printf "\n\nMissing values, or values that exclude each other:\n  %s\n" (join "\n  " $faults)) }}{{ end -}}
{{- end -}}
