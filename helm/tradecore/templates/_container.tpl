{{/* { root, name, service }: the container of a service, but its name. */}}
{{- define "tradecore.container" -}}
{{- $root := .root -}}{{- $service := .service -}}
image: {{ include "tradecore.image" (dict "root" $root "image" $service.image) }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
{{ include "tradecore.args" (dict "root" $root "service" .name) }}
{{- with $service.securityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- if $service.http }}
  - { name: http, containerPort: 8080 }
  {{- end }}
  - { name: admin, containerPort: 9081 }
{{- with $service.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
env: {{- include "tradecore.env" . | nindent 2 }}
{{ include "tradecore.probes" . }}
{{- if $service.http }}
# Requests arrive until every proxy has heard that this pod leaves.
lifecycle:
  preStop: { sleep: { seconds: 5 } }
{{- end }}
resources: {{- toYaml $service.resources | nindent 2 }}
volumeMounts:
  - { name: tmp, mountPath: /tmp }
  {{- if eq .name "paper-broker" }}
  - { name: state, mountPath: /var/lib/paper-broker }
  {{- end }}
  {{- if include "tradecore.issuerFiles" . }}
  - { name: issuer, mountPath: /run/issuer, readOnly: true }
  {{- end }}
  {{- if include "tradecore.serverVolume" . }}
  - { name: servers, mountPath: /run/servers, readOnly: true }
  {{- end }}
  {{- with $service.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "tradecore.probes" -}}
# Five minutes to load the code: a whole fleet starts at once on a node that is short of CPU.
# Live asks the event loop only: a database that is away must not restart the fleet. It may be silent for a minute:
# at a load of 70 on two cores 30 s were not enough, and a start costs more than what the pod was busy with.
# Ready waits for the schema, so that the migrator may come later than the pods.
startupProbe:
  httpGet: { path: /health/live, port: admin }
  periodSeconds: 2
  failureThreshold: 150
livenessProbe:
  httpGet: { path: /health/live, port: admin }
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /health/ready, port: admin }
  periodSeconds: 3
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{/* { root, name, service } */}}
{{- define "tradecore.volumes" -}}
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- if eq .name "paper-broker" }}
- name: state
  {{- if include "tradecore.paperClaim" .root }}
  persistentVolumeClaim: { claimName: {{ include "tradecore.paperClaim" .root }} }
  {{- else }}
  emptyDir: { sizeLimit: 256Mi }
  {{- end }}
{{- end }}
{{- with include "tradecore.issuerFiles" . }}
- name: issuer
  secret:
    secretName: {{ include "tradecore.secretName" (dict "root" $.root "kind" "issuer") }}
    defaultMode: 0440
    items: {{- . | nindent 6 }}
{{- end }}
{{- include "tradecore.serverVolume" . }}
{{- with .service.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* { root, name }: what of the issuer's Secret a pod sees: the doors its certificate, the issuer and the test its keys; empty: nothing. */}}
{{- define "tradecore.issuerFiles" -}}
{{- if eq (include "tradecore.issues" .root) "true" -}}
{{- if has .name (list "command-api" "query-api" "test") }}
- { key: tls.crt, path: tls.crt }
{{- end }}
{{- if has .name (list "token-issuer" "test") }}
- { key: signing-key, path: signing-key }
{{- end }}
{{- if eq .name "token-issuer" }}
- { key: tls.crt, path: tls.crt }
- { key: tls.key, path: tls.key }
{{- end }}
{{- end -}}
{{- end -}}
