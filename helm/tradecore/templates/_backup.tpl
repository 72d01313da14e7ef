{{/* `true` where a backup follows PostgreSQL. */}}
{{- define "tradecore.backsUp" -}}
{{- ternary .Values.postgres.enabled .Values.backup.enabled (kindIs "invalid" .Values.backup.enabled) -}}
{{- end -}}

{{- define "tradecore.backupClaim" -}}
{{- default (printf "%s-backup" (include "tradecore.fullname" .)) .Values.backup.persistence.existingClaim -}}
{{- end -}}

{{/* What its pods and those of a restore are: the bundled PostgreSQL's account, for a restored folder must belong to it. As JSON. */}}
{{- define "tradecore.backupPod" -}}
{{- $account := ternary .Values.postgres.podSecurityContext .Values.serviceDefaults.podSecurityContext .Values.postgres.enabled -}}
{{- merge (dict "podSecurityContext" $account) (omit .Values.serviceDefaults "podSecurityContext") | toJson -}}
{{- end -}}

{{/*
PostgreSQL's programs out of its own image, so that they are always of its version: with the files that they read beside themselves, and the libraries
that they were linked with, but for those of C.
*/}}
{{- define "tradecore.postgresPrograms" -}}
- name: programs
  image: {{ include "tradecore.imageOf" (dict "root" . "image" (ternary .Values.postgres.image .Values.backup.postgresImage .Values.postgres.enabled)) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  {{- with .Values.serviceDefaults.securityContext }}
  securityContext: {{- toYaml . | nindent 4 }}
  {{- end }}
  command: [sh, -ec]
  args:
    - |
      {{- .Files.Get "files/programs.sh" | nindent 6 }}
  resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 128Mi } }
  volumeMounts: [{ name: programs, mountPath: /programs }]
{{- end -}}

{{/* Where bases and WAL are, and the programs. */}}
{{- define "tradecore.backupEnv" -}}
- { name: BACKUP_DIR, value: /var/lib/backup }
- { name: POSTGRES_PROGRAMS, value: /programs/bin }
- { name: POSTGRES_LIBRARIES, value: /programs/lib }
{{- end -}}

{{- define "tradecore.backupMounts" -}}
- { name: backup, mountPath: /var/lib/backup }
- { name: programs, mountPath: /programs, readOnly: true }
- { name: tmp, mountPath: /tmp }
{{- end -}}

{{- define "tradecore.backupVolumes" -}}
- name: backup
  persistentVolumeClaim: { claimName: {{ include "tradecore.backupClaim" . }} }
- name: programs
  emptyDir: { sizeLimit: 512Mi }
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- end -}}

{{/* { root, component, affinity, script, env, data? }: the template of a pod that restores, with PostgreSQL's own volume or without. */}}
{{- define "tradecore.restorePod" -}}
{{- $root := .root -}}
{{- $values := include "tradecore.backupPod" .root | fromJson -}}
{{- $_ := set $values "affinity" (mergeOverwrite (deepCopy $values.affinity) .affinity) -}}
metadata:
  labels: {{- include "tradecore.podLabels" . | nindent 4 }}
    {{- with $values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $values.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "tradecore.pod" (dict "root" .root "component" .component "values" $values) | nindent 2 }}
  restartPolicy: Never
  initContainers: {{- include "tradecore.postgresPrograms" .root | nindent 4 }}
  containers:
    - name: restore
      image: {{ include "tradecore.image" (dict "root" .root "image" $root.Values.operate.image) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [sh, -ec]
      args:
        - |
          {{- .script | nindent 10 }}
      {{- with $values.securityContext }}
      securityContext: {{- toYaml . | nindent 8 }}
      {{- end }}
      env:
        {{- include "tradecore.commonEnv" .root | nindent 8 }}
        {{- include "tradecore.backupEnv" .root | nindent 8 }}
        {{- with .env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      resources: {{- toYaml .root.Values.backup.resources | nindent 8 }}
      volumeMounts:
        {{- include "tradecore.backupMounts" .root | nindent 8 }}
        {{- if .data }}
        - { name: data, mountPath: /var/lib/postgresql/data }
        {{- end }}
  volumes:
    {{- include "tradecore.backupVolumes" .root | nindent 4 }}
    {{- with .data }}
    - name: data
      persistentVolumeClaim: { claimName: {{ . }} }
    {{- end }}
{{- end -}}
