{{- define "holdfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- /* Objects are called after the release, and only once where it has the name of the chart. Names of Services begin with a letter, and have no
dot; those of releases may. */ -}}
{{- define "holdfast.fullname" -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- if not (regexMatch "^[a-z]" $release) -}}
{{- $release = printf "%s-%s" .Chart.Name $release -}}
{{- end -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "holdfast.name" .) $release -}}
{{- $release | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" $release (include "holdfast.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.selectorLabels" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: mirror
{{- end -}}

{{- /* What tells the pods of a release from those of every other, also of one with the same name in another namespace. */ -}}
{{- define "holdfast.releaseId" -}}
{{- printf "%s/%s" .Release.Namespace .Release.Name | sha256sum | trunc 16 -}}
{{- end -}}

{{- /* Of whatever is not a mirror: no selector may take it for one. */ -}}
{{- define "holdfast.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "holdfast.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.commonLabels" . }}
app.kubernetes.io/component: mirror
{{- end -}}

{{- define "holdfast.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "holdfast.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.secretName" -}}
{{- default (include "holdfast.fullname" .) .Values.secret.existing -}}
{{- end -}}

{{- define "holdfast.meshService" -}}
{{- printf "%s-mesh" (include "holdfast.fullname" .) -}}
{{- end -}}

{{- /* Fails where the cluster lacks what values name: pods would wait for it, or never be made, and their nodes have no mirror. */ -}}
{{- define "holdfast.named" -}}
{{- $secrets := dict -}}
{{- $configMaps := dict -}}
{{- range .Values.extraVolumes -}}
{{- with .secret -}}{{- if not .optional -}}{{- $_ := set $secrets .secretName list -}}{{- end -}}{{- end -}}
{{- with .configMap -}}{{- if not .optional -}}{{- $_ := set $configMaps .name list -}}{{- end -}}{{- end -}}
{{- end -}}
{{- with .Values.secret.existing -}}{{- $_ := set $secrets . (list "mesh.keys" "admin.tokens" "mirror.token") -}}{{- end -}}
{{- range .Values.upstreamSecrets -}}{{- $_ := set $secrets . (list ".dockerconfigjson") -}}{{- end -}}
{{- include "holdfast.require" (dict "kind" "Secret" "namespace" .Release.Namespace "wanted" $secrets "doc" "Secrets") -}}
{{- include "holdfast.require" (dict "kind" "ConfigMap" "namespace" .Release.Namespace "wanted" $configMaps "doc" "Secrets") -}}
{{- $class := .Values.priorityClassName -}}
{{- /* Those of Kubernetes itself are always there. */ -}}
{{- if and $class (not (has $class (list "system-node-critical" "system-cluster-critical"))) -}}
{{- include "holdfast.require" (dict "api" "scheduling.k8s.io/v1" "kind" "PriorityClass" "wanted" (dict $class list) "doc" "What a pod is") -}}
{{- end -}}
{{- end -}}

{{- /* Fails where the cluster lacks one of these objects, or a key of its data. Call: include "holdfast.require" (dict "kind" KIND "namespace" NAMESPACE
"wanted" WANTED "doc" SECTION), where WANTED is the keys by the name; with "api", and without namespace, for kinds that have these. */ -}}
{{- define "holdfast.require" -}}
{{- if .wanted -}}
{{- $kind := .kind -}}
{{- $where := "" -}}
{{- with .namespace -}}{{- $where = printf " in the namespace %s" . -}}{{- end -}}
{{- $doc := printf "docs/kubernetes.md, %s" .doc -}}
{{- $asked := lookup (default "v1" .api) $kind (default "" .namespace) "" -}}
{{- /* Without a cluster there is no list, not an empty one. */ -}}
{{- if hasKey $asked "items" -}}
{{- range $name, $keys := .wanted -}}
{{- $data := dict -}}
{{- $isThere := false -}}
{{- range $asked.items -}}
{{- if eq .metadata.name $name -}}
{{- $isThere = true -}}
{{- $data = default dict .data -}}
{{- end -}}
{{- end -}}
{{- if not $isThere -}}
{{- fail (printf "there is no %s %s%s: make it first (%s)" $kind $name $where $doc) -}}
{{- end -}}
{{- range $keys -}}
{{- if not (get $data .) -}}
{{- fail (printf "the %s %s%s has no key %s (%s)" $kind $name $where . $doc) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
