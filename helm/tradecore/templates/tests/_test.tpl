{{/* { root, name, weight, deadline, image? }: a pod of `helm test`, up to its command. */}}
{{- define "tradecore.testPod" -}}
{{- $root := .root -}}
{{- $values := omit .root.Values.serviceDefaults "terminationGracePeriodSeconds" -}}
{{- $files := include "tradecore.issuerFiles" (dict "root" $root "name" "test") -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "tradecore.fullname" $root }}-{{ .name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "tradecore.labels" (dict "root" $root "component" "test") | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-weight: '{{ .weight }}'
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  {{- include "tradecore.pod" (dict "root" $root "component" "test" "values" $values) | nindent 2 }}
  restartPolicy: Never
  activeDeadlineSeconds: {{ .deadline }}
  {{- if $files }}
  volumes:
    - name: issuer
      secret:
        secretName: {{ include "tradecore.secretName" (dict "root" $root "kind" "issuer") }}
        defaultMode: 0440
        items: {{- $files | nindent 10 }}
  {{- end }}
  containers:
    - name: {{ .name }}
      image: {{ include "tradecore.image" (dict "root" $root "image" .image) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      {{- with $values.securityContext }}
      securityContext: {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        requests: { cpu: 50m, memory: 128Mi }
        limits: { memory: 256Mi }
      {{- if $files }}
      volumeMounts: [{ name: issuer, mountPath: /run/issuer, readOnly: true }]
      {{- end }}
{{- end -}}
