{{/* { root, server, ports, bundled? }: one egress rule: to the peers that the values name, else to the bundled server, else to anybody; on its ports alone. */}}
{{- define "tradecore.egress" -}}
{{- $said := get .root.Values.networkPolicies.ports .server -}}
{{- $to := get .root.Values.networkPolicies.to .server -}}
- ports:
    {{- range default .ports $said | uniq }}
    - { port: {{ int . }}, protocol: TCP }
    {{- end }}
  {{- if $to }}
  to: {{- toYaml $to | nindent 4 }}
  {{- else if .bundled }}
  to:
    - podSelector:
        matchLabels: {{- include "tradecore.selector" (dict "root" .root "component" .bundled) | nindent 10 }}
  {{- end }}
{{- end -}}

{{/* The port of a URL, as a JSON list; 443 or 80 where it names none. */}}
{{- define "tradecore.portOf" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) -}}
{{- $usual := dict "https" 443 "wss" 443 "http" 80 "ws" 80 "redis" 6379 "rediss" 6379 -}}
{{- list (default (get $usual $url.scheme) $port | int) | toJson -}}
{{- end -}}

{{- define "tradecore.toPostgres" -}}
{{ include "tradecore.egress" (dict "root" . "server" "postgres" "bundled" (ternary "postgres" "" .Values.postgres.enabled) "ports" (list (include "tradecore.postgres" . | fromJson).port)) }}
{{- end -}}

{{- define "tradecore.toKafka" -}}
{{- $ports := list -}}
{{- range splitList "," (include "tradecore.brokers" .) }}{{ $ports = append $ports (splitList ":" . | last) }}{{ end -}}
{{ include "tradecore.egress" (dict "root" . "server" "kafka" "bundled" (ternary "redpanda" "" .Values.redpanda.enabled) "ports" $ports) }}
{{- end -}}

{{- define "tradecore.toRedis" -}}
{{- $url := ternary "redis://bundled" (default "redis://in-a-secret" .Values.redis.external.url) .Values.redis.enabled -}}
{{ include "tradecore.egress" (dict "root" . "server" "redis" "bundled" (ternary "redis" "" .Values.redis.enabled) "ports" (include "tradecore.portOf" $url | fromJsonArray)) }}
{{- end -}}

{{- define "tradecore.toIssuer" -}}
{{- if eq (include "tradecore.issues" .) "true" -}}
{{ include "tradecore.toService" (dict "root" . "name" "token-issuer") }}
{{- else -}}
{{ include "tradecore.egress" (dict "root" . "server" "issuer" "ports" (include "tradecore.portOf" .Values.jwt.jwksUrl | fromJsonArray)) }}
{{- end -}}
{{- end -}}

{{- define "tradecore.toCollector" -}}
{{ include "tradecore.egress" (dict "root" . "server" "collector" "ports" (include "tradecore.portOf" .Values.settings.otlpEndpoint | fromJsonArray)) }}
{{- end -}}

{{/* { root, name }: to the door of a service of this release. */}}
{{- define "tradecore.toService" -}}
- ports: [{ port: http, protocol: TCP }]
  to:
    - podSelector:
        matchLabels: {{- include "tradecore.selector" (dict "root" .root "component" .name) | nindent 10 }}
{{- end -}}

{{/* Of the gateway: to the paper broker of this release, else to the broker's API, its stream and its market data. */}}
{{- define "tradecore.toBroker" -}}
{{- if eq (include "tradecore.tradesOnPaper" .) "true" -}}
{{ include "tradecore.toService" (dict "root" . "name" "paper-broker") }}
{{- else -}}
{{- $gateway := default (dict) (get (default (dict) (get .Values.services "broker-gateway")) "env") -}}
{{- $ports := list -}}
{{- range list .Values.broker.url (default .Values.broker.url .Values.broker.streamUrl) (default "https://data.alpaca.markets" (get $gateway "BROKER_DATA_URL")) -}}
{{- $ports = concat $ports (include "tradecore.portOf" . | fromJsonArray) -}}
{{- end -}}
{{ include "tradecore.egress" (dict "root" . "server" "broker" "ports" $ports) }}
{{- end -}}
{{- end -}}

{{/* The service at which operators use the API. */}}
{{- define "tradecore.operatorsDoor" -}}
{{- ternary "gateway" "command-api" (has "gateway" (include "tradecore.running" . | fromJsonArray)) -}}
{{- end -}}

{{/*
{ root, name }: who may come to a service's door, as a list of peers; empty: anybody. The doors of the API open to the gateway alone where it runs.
*/}}
{{- define "tradecore.callersOf" -}}
{{- $from := list "test" -}}
{{- $clients := .root.Values.networkPolicies.clients -}}
{{- $behindGateway := has "gateway" (include "tradecore.running" .root | fromJsonArray) -}}
{{- if eq .name "paper-broker" }}{{ $from = list "broker-gateway" }}{{ $clients = list }}{{ end -}}
{{- if eq .name "token-issuer" }}{{ $from = list "command-api" "query-api" "test" }}{{ $clients = list }}{{ end -}}
{{- if and $behindGateway (has .name (list "command-api" "query-api")) }}{{ $from = list "gateway" "test" }}{{ $clients = list }}{{ end -}}
{{- if and .root.Values.operate.enabled (eq .name (include "tradecore.operatorsDoor" .root)) }}{{ $from = append $from "operate" }}{{ end -}}
{{- $peers := list -}}
{{- range $component := $from -}}
{{- $peers = append $peers (dict "podSelector" (dict "matchLabels" (include "tradecore.selector" (dict "root" $.root "component" $component) | fromYaml))) -}}
{{- end -}}
{{- $isClosed := or $clients (ne (first $from) "test") -}}
{{- if $isClosed }}{{ concat $peers $clients | toYaml }}{{ end -}}
{{- end -}}
