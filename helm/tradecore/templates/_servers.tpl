{{/* Where the servers are: bundled or external. As JSON: { host, port, database, user, secret, key, query }. */}}
{{- define "tradecore.postgres" -}}
{{- if .Values.postgres.enabled -}}
{{- dict "host" (printf "%s-postgres" (include "tradecore.fullname" .)) "port" 5432 "database" "tradecore" "user" "tradecore" "query" "" "secret" (include "tradecore.secretName" (dict "root" . "kind" "postgres")) "key" .Values.postgres.passwordKey | toJson -}}
{{- else -}}
{{- with .Values.postgres.external -}}
{{- $query := "" -}}
{{- if .sslmode }}{{ $query = printf "?sslmode=%s" .sslmode }}{{ end -}}
{{- if .ca.existingSecret }}{{ $query = print $query "&sslrootcert=/run/servers/postgres-ca.crt" }}{{ end -}}
{{- dict "host" .host "port" .port "database" .database "user" .owner.user "query" $query "secret" (include "tradecore.secretName" (dict "root" $ "kind" "postgres")) "key" .owner.passwordKey | toJson -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
{ root, name, service }: the files by which a pod trusts servers that are not bundled and they trust it, as [kind of Secret, key, file] in JSON.
*/}}
{{- define "tradecore.serverFiles" -}}
{{- $values := .root.Values -}}{{- $kafka := $values.redpanda.external -}}{{- $files := list -}}
{{- $authorities := dict "postgres" (list .service.login $values.postgres.external.ca) "kafka" (list .service.kafka $kafka.tls.ca) "redis" (list .service.redis $values.redis.external.ca) -}}
{{- range $server, $used := $authorities -}}
{{- $ca := last $used -}}
{{- if and (first $used) $ca.existingSecret }}{{ $files = append $files (list (printf "%s-ca" $server) $ca.key (printf "%s-ca.crt" $server)) }}{{ end -}}
{{- end -}}
{{- if and .service.kafka $kafka.tls.certificate.existingSecret -}}
{{- $files = concat $files (list (list "kafka-certificate" $kafka.tls.certificate.certKey "kafka.crt") (list "kafka-certificate" $kafka.tls.certificate.keyKey "kafka.key")) -}}
{{- end -}}
{{- if and .service.kafka $kafka.sasl.mechanism -}}
{{- $of := ternary (printf "%s." .name) "" $kafka.sasl.perService -}}
{{- $files = concat $files (list (list "kafka-login" (print $of $kafka.sasl.usernameKey) "kafka-username") (list "kafka-login" (print $of $kafka.sasl.passwordKey) "kafka-password")) -}}
{{- end -}}
{{- toJson $files -}}
{{- end -}}

{{/* { root, name, service }: those files as a volume. */}}
{{- define "tradecore.serverVolume" -}}
{{- with include "tradecore.serverFiles" . | fromJsonArray }}
- name: servers
  projected:
    defaultMode: 0440
    sources:
      {{- range . }}
      - secret:
          name: {{ include "tradecore.secretName" (dict "root" $.root "kind" (index . 0)) }}
          items: [{ key: {{ index . 1 }}, path: {{ index . 2 }} }]
      {{- end }}
{{- end }}
{{- end -}}

{{/* host:port of every broker, comma separated. */}}
{{- define "tradecore.brokers" -}}
{{- if .Values.redpanda.enabled -}}
{{- $brokers := list -}}
{{- range $n := until (int .Values.redpanda.replicas) -}}
{{- $brokers = append $brokers (printf "%s:9092" (include "redpanda.host" (dict "root" $ "pod" (printf "%s-redpanda-%d" (include "tradecore.fullname" $) $n)))) -}}
{{- end -}}
{{- join "," $brokers -}}
{{- else -}}
{{- .Values.redpanda.external.brokers -}}
{{- end -}}
{{- end -}}

{{- define "tradecore.replication" -}}
{{- if kindIs "invalid" .Values.topics.replication -}}
{{- ternary 1 3 (and .Values.redpanda.enabled (lt (int .Values.redpanda.replicas) 3)) -}}
{{- else -}}
{{- int .Values.topics.replication -}}
{{- end -}}
{{- end -}}

{{/*
Connections that the fleet may open: the pool of each pod, one pod more of each service in a rollout, one connection a pod beside its pool (it
listens), and ten for the migrator, operators, backup and an exporter (replication counts apart).
*/}}
{{- define "tradecore.connections" -}}
{{- $sum := 10 -}}
{{- range $name := include "tradecore.running" . | fromJsonArray -}}
{{- $service := include "tradecore.service" (dict "root" $ "name" $name) | fromJson -}}
{{- if $service.login -}}
{{- $pool := int (default 10 (get $service.env "DATABASE_POOL_SIZE")) -}}
{{- $sum = add $sum (mul (add1 $pool) (add1 (include "tradecore.mostPods" $service | int))) -}}
{{- end -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* { root, name }: a bundled server's labels of its pod's clients, as the services' pods carry them. */}}
{{- define "tradecore.clientOf" -}}
tradecore.dev/to-{{ . }}: 'true'
{{- end -}}

{{/* { root, name, values, kind, container, volumes?, claim?, checksum?, more? }: the workload of a bundled server. */}}
{{- define "tradecore.server" -}}
{{- $root := .root -}}{{- $of := dict "root" .root "component" .name -}}{{- $values := .values -}}
apiVersion: apps/v1
kind: {{ .kind }}
metadata: {{- include "tradecore.metadata" $of | nindent 2 }}
spec:
  replicas: {{ ternary 0 (default 1 $values.replicas) (and (eq .name "postgres") $root.Values.restore.enabled) }}
  {{- with .more }}
  {{- . | nindent 2 }}
  {{- end }}
  selector:
    matchLabels: {{- include "tradecore.selector" $of | nindent 6 }}
  template:
    metadata:
      labels: {{- include "tradecore.podLabels" $of | nindent 8 }}
        {{- with $values.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- $annotations := merge (dict) $values.podAnnotations (ternary (dict "checksum/settings" .checksum) (dict) (not (empty .checksum))) }}
      {{- with $annotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "tradecore.pod" (dict "root" $root "component" .name "values" $values) | nindent 6 }}
      {{- with .init }}
      initContainers: {{- . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "tradecore.imageOf" (dict "root" $root "image" $values.image) }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          {{- with $values.command }}
          command: {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $values.securityContext }}
          securityContext: {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- .container | trim | nindent 10 }}
          startupProbe: {{- toYaml $values.startupProbe | nindent 12 }}
          readinessProbe: {{- toYaml $values.readinessProbe | nindent 12 }}
          livenessProbe: {{- toYaml $values.livenessProbe | nindent 12 }}
          resources: {{- toYaml $values.resources | nindent 12 }}
        {{- with .sidecars }}
        {{- . | nindent 8 }}
        {{- end }}
      volumes:
        - name: tmp
          emptyDir: { sizeLimit: 64Mi }
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
  {{- with .claim }}
  # The volume outlives the release, as its data must; delete it by hand.
  persistentVolumeClaimRetentionPolicy: { whenDeleted: Retain, whenScaled: Retain }
  volumeClaimTemplates:
    - metadata: { name: data }
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .storageClass }}
        storageClassName: {{ . }}
        {{- end }}
        resources: { requests: { storage: {{ .size }} } }
  {{- end }}
{{- include "tradecore.serviceAccount" $of }}
{{- if gt (int (default 1 $values.replicas)) 1 }}
{{- include "tradecore.disruptionBudget" $of }}
{{- end }}
{{- end -}}

{{/* { root, name, ports, headless? }: the Service of a bundled server; ports as a list of YAML maps. */}}
{{- define "tradecore.serverService" -}}
{{- $of := dict "root" .root "component" .name }}
---
apiVersion: v1
kind: Service
metadata: {{- include "tradecore.metadata" $of | nindent 2 }}
spec:
  {{- if .headless }}
  # Each pod has an address of its own, before it is ready: brokers find each other by it.
  clusterIP: None
  publishNotReadyAddresses: true
  {{- end }}
  selector: {{- include "tradecore.selector" $of | nindent 4 }}
  ports: {{- .ports | nindent 4 }}
{{- end -}}

{{/* { root, name, ingress, egress? }: what may come to a bundled server and where it may go, as YAML lists of rules. */}}
{{- define "tradecore.serverPolicy" -}}
{{- if .root.Values.networkPolicies.enabled }}
{{- $of := dict "root" .root "component" .name }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{- include "tradecore.metadata" $of | nindent 2 }}
spec:
  podSelector:
    matchLabels: {{- include "tradecore.selector" $of | nindent 6 }}
  {{- with .ingress }}
  ingress: {{- . | nindent 4 }}
  {{- end }}
  {{- with .egress }}
  egress: {{- . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* { root, server }: the pods of this release that talk to it, as peers of a policy. */}}
{{- define "tradecore.clientsOf" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/instance: {{ .root.Release.Name }}
      {{ include "tradecore.clientOf" .server }}
{{- end -}}
