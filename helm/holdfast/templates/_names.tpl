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

{{- /* Fails where the cluster lacks a Secret that is named, or a key of it: a pod would wait for it, and its node have no mirror. */ -}}
{{- define "holdfast.named-secrets" -}}
{{- $wanted := dict -}}
{{- with .Values.secret.existing -}}{{- $_ := set $wanted . (list "mesh.keys" "admin.tokens" "mirror.token") -}}{{- end -}}
{{- range .Values.upstreamSecrets -}}{{- $_ := set $wanted . (list ".dockerconfigjson") -}}{{- end -}}
{{- if $wanted -}}
{{- $asked := lookup "v1" "Secret" .Release.Namespace "" -}}
{{- /* Without a cluster there is no list, not an empty one. */ -}}
{{- if hasKey $asked "items" -}}
{{- range $name, $keys := $wanted -}}
{{- $data := dict -}}
{{- $isThere := false -}}
{{- range $asked.items -}}
{{- if eq .metadata.name $name -}}
{{- $isThere = true -}}
{{- $data = default dict .data -}}
{{- end -}}
{{- end -}}
{{- if not $isThere -}}
{{- fail (printf "there is no Secret %s in the namespace %s: make it first (docs/kubernetes.md, Secrets)" $name $.Release.Namespace) -}}
{{- end -}}
{{- range $keys -}}
{{- if not (get $data .) -}}
{{- fail (printf "the Secret %s in the namespace %s has no key %s (docs/kubernetes.md, Secrets)" $name $.Release.Namespace .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
