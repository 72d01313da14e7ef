{{/* { root, server, ports }: one egress rule: to the peers that the values name for this server, else to anybody, on its ports alone. */}}
{{- define "tradecore.egress" -}}
{{- $said := get .root.Values.networkPolicies.ports .server -}}
{{- $to := get .root.Values.networkPolicies.to .server -}}
- ports:
    {{- range default .ports $said | uniq }}
    - { port: {{ int . }}, protocol: TCP }
    {{- end }}
  {{- with $to }}
  to: {{- toYaml . | nindent 4 }}
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
{{ include "tradecore.egress" (dict "root" . "server" "postgres" "ports" (list .Values.postgres.port)) }}
{{- end -}}

{{- define "tradecore.toKafka" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.brokers }}{{ $ports = append $ports (splitList ":" . | last) }}{{ end -}}
{{ include "tradecore.egress" (dict "root" . "server" "kafka" "ports" $ports) }}
{{- end -}}

{{- define "tradecore.toRedis" -}}
{{- $url := default "redis://in-a-secret" .Values.redis.url -}}
{{ include "tradecore.egress" (dict "root" . "server" "redis" "ports" (include "tradecore.portOf" $url | fromJsonArray)) }}
{{- end -}}

{{- define "tradecore.toIssuer" -}}
{{ include "tradecore.egress" (dict "root" . "server" "issuer" "ports" (include "tradecore.portOf" .Values.jwt.jwksUrl | fromJsonArray)) }}
{{- end -}}

{{- define "tradecore.toCollector" -}}
{{ include "tradecore.egress" (dict "root" . "server" "collector" "ports" (include "tradecore.portOf" .Values.settings.otlpEndpoint | fromJsonArray)) }}
{{- end -}}

{{/* Of the gateway: to the paper broker of this release, else to the broker's API, its stream and its market data. */}}
{{- define "tradecore.toBroker" -}}
{{- if eq (include "tradecore.tradesOnPaper" .) "true" -}}
- ports: [{ port: http, protocol: TCP }]
  to:
    - podSelector:
        matchLabels: {{- include "tradecore.selector" (dict "root" . "component" "paper-broker") | nindent 10 }}
{{- else -}}
{{- $gateway := default (dict) (get (default (dict) (get .Values.services "broker-gateway")) "env") -}}
{{- $ports := list -}}
{{- range list .Values.broker.url (default .Values.broker.url .Values.broker.streamUrl) (default "https://data.alpaca.markets" (get $gateway "BROKER_DATA_URL")) -}}
{{- $ports = concat $ports (include "tradecore.portOf" . | fromJsonArray) -}}
{{- end -}}
{{ include "tradecore.egress" (dict "root" . "server" "broker" "ports" $ports) }}
{{- end -}}
{{- end -}}
