{{/* Cut at 36, so that the longest suffix (`-order-projector`, `-migrate-<8>`, a pod's hash) stays below 63. */}}
{{- define "tradecore.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 36 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 36 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* { root, component }: what selectors use. Never add to it: selectors can't be changed. */}}
{{- define "tradecore.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* { root, component } */}}
{{- define "tradecore.labels" -}}
{{ include "tradecore.selector" . }}
app.kubernetes.io/part-of: tradecore
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* { root, image }: the fleet's image, with what `image` (of one service) says otherwise. */}}
{{- define "tradecore.image" -}}
{{- $image := mergeOverwrite (deepCopy .root.Values.image) (default (dict) .image) -}}
{{- $path := $image.repository -}}
{{- if $image.registry }}{{ $path = printf "%s/%s" (trimSuffix "/" $image.registry) $path }}{{ end -}}
{{- if $image.digest }}{{ printf "%s@%s" $path $image.digest }}{{ else }}{{ printf "%s:%s" $path (default .root.Chart.AppVersion $image.tag) }}{{ end -}}
{{- end -}}

{{/* { root, service }: the database login of a service. Roles are global in a PostgreSQL cluster: the namespace is in their name. */}}
{{- define "tradecore.login" -}}
{{- printf "%s_%s" (default "tradecore" .root.Values.settings.namespace) (replace "-" "_" .service) -}}
{{- end -}}

{{- define "tradecore.loginsSecret" -}}
{{- default (printf "%s-logins" (include "tradecore.fullname" .)) .Values.postgres.logins.existingSecret -}}
{{- end -}}

{{- define "tradecore.ownerSecret" -}}
{{- default (printf "%s-owner" (include "tradecore.fullname" .)) .Values.postgres.owner.existingSecret -}}
{{- end -}}

{{- define "tradecore.redisSecret" -}}
{{- default (printf "%s-redis" (include "tradecore.fullname" .)) .Values.redis.existingSecret -}}
{{- end -}}

{{- define "tradecore.streamSecret" -}}
{{- default (printf "%s-stream" (include "tradecore.fullname" .)) .Values.stream.existingSecret -}}
{{- end -}}

{{- define "tradecore.brokerSecret" -}}
{{- default (printf "%s-broker" (include "tradecore.fullname" .)) .Values.broker.existingSecret -}}
{{- end -}}

{{/* The claim of the paper broker's books; empty: they lie beside its pod. */}}
{{- define "tradecore.paperClaim" -}}
{{- if .Values.broker.paper.existingClaim -}}
{{- .Values.broker.paper.existingClaim -}}
{{- else if .Values.broker.paper.size -}}
{{- printf "%s-paper-broker" (include "tradecore.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* `true` where the broker is the paper broker of this release. */}}
{{- define "tradecore.tradesOnPaper" -}}
{{- and (has "paper-broker" (include "tradecore.running" . | fromJsonArray)) (not .Values.broker.url) -}}
{{- end -}}

{{/* The services that log in to the database, running or not, as a JSON list of names in a fixed order. */}}
{{- define "tradecore.logins" -}}
{{- $names := list -}}
{{- range $name := keys .Values.services | sortAlpha -}}
{{- $service := mergeOverwrite (deepCopy $.Values.serviceDefaults) (default (dict) (get $.Values.services $name)) -}}
{{- if $service.login }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* The services that run, as a JSON list of names in a fixed order. */}}
{{- define "tradecore.running" -}}
{{- $names := list -}}
{{- range $name := keys .Values.services | sortAlpha -}}
{{- $service := mergeOverwrite (deepCopy $.Values.serviceDefaults) (default (dict) (get $.Values.services $name)) -}}
{{- if $service.enabled }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}
