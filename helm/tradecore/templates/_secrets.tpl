{{/* Names, by kind, of Secrets that exist; empty where the chart makes them. As JSON. */}}
{{- define "tradecore.existingSecrets" -}}
{{- $postgres := ternary .Values.postgres.existingSecret .Values.postgres.external.owner.existingSecret .Values.postgres.enabled -}}
{{- $kafka := .Values.redpanda.external -}}
{{- $redis := ternary .Values.redis.existingSecret .Values.redis.external.existingSecret .Values.redis.enabled -}}
{{- dict "postgres" $postgres "redis" $redis "logins" .Values.logins.existingSecret "stream" .Values.stream.existingSecret "broker" .Values.broker.existingSecret "issuer" .Values.issuer.existingSecret "postgres-ca" .Values.postgres.external.ca.existingSecret "redis-ca" .Values.redis.external.ca.existingSecret "kafka-ca" $kafka.tls.ca.existingSecret "kafka-certificate" $kafka.tls.certificate.existingSecret "kafka-login" $kafka.sasl.existingSecret | toJson -}}
{{- end -}}

{{/* { root, kind } */}}
{{- define "tradecore.secretName" -}}
{{- default (printf "%s-%s" (include "tradecore.fullname" .root) .kind) (get (include "tradecore.existingSecrets" .root | fromJson) .kind) -}}
{{- end -}}

{{/*
{ root, kind, key }: what stands there, in base64: a value that was stated, else what the cluster has, else a fresh one, drawn once a render and
kept from then on. Who can't ask the cluster (`helm template`) draws each time, and is told so in the notes.
*/}}
{{- define "tradecore.secretValue" -}}
{{- $root := .root -}}
{{- if not (hasKey $root.Values "drawn") }}{{ $_ := set $root.Values "drawn" (dict) }}{{ end -}}
{{- $drawn := $root.Values.drawn -}}
{{- $id := printf "%s/%s" .kind .key -}}
{{- if not (hasKey $drawn $id) -}}
{{- $stored := get (default (dict) (lookup "v1" "Secret" $root.Release.Namespace (include "tradecore.secretName" .))) "data" -}}
{{- $stated := get (include "tradecore.statedSecrets" $root | fromJson) $id -}}
{{- $value := get (default (dict) $stored) .key -}}
{{- if $stated }}{{ $value = b64enc $stated }}{{ end -}}
{{- if not (or $value (get (include "tradecore.existingSecrets" $root | fromJson) .kind)) -}}
{{- $value = include (ternary "tradecore.freshKey" "tradecore.freshPassword" (eq .kind "issuer")) . -}}
{{- end -}}
{{- if not (hasKey $drawn $id) }}{{ $_ := set $drawn $id (default "" $value) }}{{ end -}}
{{- end -}}
{{- get $drawn $id -}}
{{- end -}}

{{/* Secrets that stand in the values, by kind and key. As JSON. */}}
{{- define "tradecore.statedSecrets" -}}
{{- $stated := dict (printf "broker/%s" .Values.broker.keyIdKey) (ternary "paper" .Values.broker.keyId (and (empty .Values.broker.keyId) (empty .Values.broker.existingSecret))) (printf "broker/%s" .Values.broker.secretKeyKey) .Values.broker.secretKey -}}
{{- if not .Values.postgres.enabled }}{{ $_ := set $stated (printf "postgres/%s" .Values.postgres.external.owner.passwordKey) .Values.postgres.external.owner.password }}{{ end -}}
{{- if not .Values.redis.enabled }}{{ $_ := set $stated (printf "redis/%s" .Values.redis.external.urlKey) .Values.redis.external.url }}{{ end -}}
{{- toJson $stated -}}
{{- end -}}

{{- define "tradecore.freshPassword" -}}
{{- randAlphaNum 32 | b64enc -}}
{{- end -}}

{{/* Of the issuer: a key that signs, and a certificate of its address, which the doors trust and nobody else. */}}
{{- define "tradecore.freshKey" -}}
{{- if eq .key "signing-key" -}}
{{- genPrivateKey "ecdsa" | b64enc -}}
{{- else -}}
{{- $host := include "tradecore.issuerUrl" .root | trimPrefix "https://" -}}
{{- $pair := genSelfSignedCertWithKey $host (list) (list $host) 3650 (genPrivateKey "ecdsa") -}}
{{- $_ := set .root.Values.drawn "issuer/tls.crt" (b64enc $pair.Cert) -}}
{{- $_ := set .root.Values.drawn "issuer/tls.key" (b64enc $pair.Key) -}}
{{- get .root.Values.drawn (printf "issuer/%s" .key) -}}
{{- end -}}
{{- end -}}

{{/* { root, name, service, login? }: the Secrets that a service reads, as [kind, key] pairs in JSON. */}}
{{- define "tradecore.secretsOf" -}}
{{- $values := .root.Values -}}
{{- $all := list -}}
{{- if .service.login }}{{ $all = append $all (list "logins" (default .name .login)) }}{{ end -}}
{{- if .service.redis }}{{ $all = append $all (list "redis" (ternary $values.redis.passwordKey $values.redis.external.urlKey $values.redis.enabled)) }}{{ end -}}
{{- range include "tradecore.serverFiles" . | fromJsonArray }}{{ $all = append $all (list (index . 0) (index . 1)) }}{{ end -}}
{{- if eq .name "query-api" }}{{ $all = append $all (list "stream" $values.stream.ticketKeyKey) }}{{ end -}}
{{- if has .name (list "broker-gateway" "paper-broker") }}{{ $all = concat $all (list (list "broker" $values.broker.keyIdKey) (list "broker" $values.broker.secretKeyKey)) }}{{ end -}}
{{- if eq (include "tradecore.issues" .root) "true" -}}
{{- if has .name (list "command-api" "query-api" "token-issuer") }}{{ $all = append $all (list "issuer" "tls.crt") }}{{ end -}}
{{- if eq .name "token-issuer" }}{{ $all = concat $all (list (list "issuer" "tls.key") (list "issuer" "signing-key")) }}{{ end -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* { root, name, service }: changes when a Secret of it does, so that it is rolled, and nobody else. */}}
{{- define "tradecore.secretsChecksum" -}}
{{- $all := "" -}}
{{- range include "tradecore.secretsOf" . | fromJsonArray }}{{ $all = printf "%s\n%s" $all (include "tradecore.secretValue" (dict "root" $.root "kind" (first .) "key" (last .))) }}{{ end -}}
{{- sha256sum $all -}}
{{- end -}}
