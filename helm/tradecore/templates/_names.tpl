{{/* Cut at 36, so that the longest suffix (`-position-projector`, `-migrate-<8>`, a pod's hash) stays below 63. */}}
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

{{/* { root, component }: of a pod. Nothing that changes with the chart or its version, or an upgrade rolls everybody. */}}
{{- define "tradecore.podLabels" -}}
{{ include "tradecore.selector" . }}
app.kubernetes.io/part-of: tradecore
{{- end -}}

{{/* { root, component } */}}
{{- define "tradecore.labels" -}}
{{ include "tradecore.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* { root, component, labels?, annotations? }: the metadata of whatever is named by its component. */}}
{{- define "tradecore.metadata" -}}
name: {{ include "tradecore.fullname" .root }}-{{ .component }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "tradecore.labels" (pick . "root" "component") | nindent 2 }}
  {{- with .labels }}{{ toYaml . | nindent 2 }}{{ end }}
{{- with .annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* { root, image }: registry, path, and digest or tag. A tag may be a number: --set makes one of 16. */}}
{{- define "tradecore.imageOf" -}}
{{- $registry := default .root.Values.global.imageRegistry .image.registry -}}
{{- $path := .image.repository -}}
{{- if $registry }}{{ $path = printf "%s/%s" (trimSuffix "/" $registry) $path }}{{ end -}}
{{- $tag := .image.tag -}}
{{- if kindIs "float64" $tag }}{{ $tag = ternary (printf "%.0f" $tag) (toString $tag) (eq $tag (floor $tag)) }}{{ end -}}
{{- if .image.digest }}{{ printf "%s@%s" $path .image.digest }}{{ else }}{{ printf "%s:%v" $path $tag }}{{ end -}}
{{- end -}}

{{/* { root, image }: the fleet's image, with what `image` (of one service) says otherwise. */}}
{{- define "tradecore.image" -}}
{{- $image := mergeOverwrite (deepCopy .root.Values.image) (default (dict) .image) -}}
{{- if not $image.tag }}{{ $_ := set $image "tag" .root.Chart.AppVersion }}{{ end -}}
{{- include "tradecore.imageOf" (dict "root" .root "image" $image) -}}
{{- end -}}

{{/* The claim of the paper broker's books; empty: they lie beside its pod. */}}
{{- define "tradecore.paperClaim" -}}
{{- if .Values.broker.paper.existingClaim -}}
{{- .Values.broker.paper.existingClaim -}}
{{- else if .Values.broker.paper.size -}}
{{- printf "%s-paper-broker" (include "tradecore.fullname" .) -}}
{{- end -}}
{{- end -}}
