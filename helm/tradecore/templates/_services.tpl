{{/* { root, name }: a service as the values want it, as JSON: the defaults, its differences, and whether it runs. Worked out once a render. */}}
{{- define "tradecore.service" -}}
{{- if not (hasKey .root.Values "worked") }}{{ $_ := set .root.Values "worked" (dict) }}{{ end -}}
{{- if not (hasKey .root.Values.worked .name) }}{{ $_ := set .root.Values.worked .name (include "tradecore.workOut" .) }}{{ end -}}
{{- get .root.Values.worked .name -}}
{{- end -}}

{{- define "tradecore.workOut" -}}
{{- $own := default (dict) (get .root.Values.services .name) -}}
{{- $service := mergeOverwrite (deepCopy .root.Values.serviceDefaults) (deepCopy $own) -}}
{{- if and (hasKey $own "replicas") (kindIs "invalid" $own.replicas) }}{{ $_ := unset $service "replicas" }}{{ end -}}
{{- if gt (int $service.autoscaling.max) 0 }}{{ $_ := unset $service "replicas" }}{{ end -}}
{{- if eq .name "paper-broker" }}{{ $_ := set $service "replicas" 1 }}{{ end -}}
{{- if .root.Values.restore.enabled }}{{ $_ := set $service "replicas" 0 }}{{ end -}}
{{- $enabled := $service.enabled -}}
{{- if or (not (hasKey $own "enabled")) (kindIs "invalid" $own.enabled) -}}
{{- if eq .name "gateway" }}{{ $enabled = not .root.Values.route.enabled }}{{ end -}}
{{- if eq .name "paper-broker" }}{{ $enabled = not (or .root.Values.broker.url .root.Values.production) }}{{ end -}}
{{- end -}}
{{- if eq .name "token-issuer" -}}
{{- $said := .root.Values.issuer.enabled -}}
{{- $enabled = ternary (not (or .root.Values.jwt.issuer .root.Values.production)) $said (kindIs "invalid" $said) -}}
{{- end -}}
{{- set $service "enabled" $enabled | toJson -}}
{{- end -}}

{{/* A service of tradecore.service: pods that there may be at most, as far as the values know. */}}
{{- define "tradecore.mostPods" -}}
{{- if gt (int .autoscaling.max) 0 }}{{ int .autoscaling.max }}{{ else }}{{ int (default 1 .replicas) }}{{ end -}}
{{- end -}}

{{/* The services that run, as a JSON list of names in a fixed order. */}}
{{- define "tradecore.running" -}}
{{- if not (hasKey .Values "runningServices") -}}
{{- $names := list -}}
{{- range $name := keys .Values.services | sortAlpha -}}
{{- $service := include "tradecore.service" (dict "root" $ "name" $name) | fromJson -}}
{{- if $service.enabled }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- $_ := set .Values "runningServices" (toJson $names) -}}
{{- end -}}
{{- .Values.runningServices -}}
{{- end -}}

{{/* Who logs in to the database: the services, running or not, operators and the backup. As a JSON list of names in a fixed order. */}}
{{- define "tradecore.logins" -}}
{{- $names := list -}}
{{- range $name := keys .Values.services | sortAlpha -}}
{{- $service := include "tradecore.service" (dict "root" $ "name" $name) | fromJson -}}
{{- if $service.login }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- if .Values.operate.enabled }}{{ $names = append $names "operator" }}{{ end -}}
{{- if eq (include "tradecore.backsUp" .) "true" }}{{ $names = append $names "backup" }}{{ end -}}
{{- toJson $names -}}
{{- end -}}

{{/* Whose admin ports there are: of the services that run, and of the backup. As a JSON list of names in a fixed order. */}}
{{- define "tradecore.scraped" -}}
{{- $names := include "tradecore.running" . | fromJsonArray -}}
{{- if eq (include "tradecore.backsUp" .) "true" }}{{ $names = append $names "backup" }}{{ end -}}
{{- toJson $names -}}
{{- end -}}

{{/* `true` where the brokerage is the paper broker of this release. */}}
{{- define "tradecore.tradesOnPaper" -}}
{{- and (has "paper-broker" (include "tradecore.running" . | fromJsonArray)) (not .Values.broker.url) -}}
{{- end -}}

{{/* `true` where tokens are those of the issuer of this release. */}}
{{- define "tradecore.issues" -}}
{{- has "token-issuer" (include "tradecore.running" . | fromJsonArray) -}}
{{- end -}}

{{/* The name of the bundled issuer, which is its address too. */}}
{{- define "tradecore.issuerUrl" -}}
{{- printf "https://%s-token-issuer.%s.svc" (include "tradecore.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* { root, service }: the database login of a service. Roles are global in a PostgreSQL cluster: the namespace is in their name. */}}
{{- define "tradecore.login" -}}
{{- printf "%s_%s" (default "tradecore" .root.Values.settings.namespace) (replace "-" "_" .service) -}}
{{- end -}}
