{{- /* Which cluster it is. */ -}}
{{- define "holdfast.preset" -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- if ne .Values.preset "auto" -}}
{{- .Values.preset -}}
{{- else if contains "+k3s" $version -}}
k3s
{{- else if contains "+rke2" $version -}}
rke2
{{- else if contains "-eks-" $version -}}
eks
{{- else -}}
kubeadm
{{- end -}}
{{- end -}}

{{- /* Paths on the node, as YAML: those of the preset, and before them those that are set. "-" is none. */ -}}
{{- define "holdfast.paths" -}}
{{- $preset := include "holdfast.preset" . -}}
{{- $file := printf "presets/%s.yaml" $preset -}}
{{- $paths := fromYaml (.Files.Get $file) -}}
{{- range $name, $path := .Values.paths -}}
{{- if $path -}}
{{- $_ := set $paths $name (ternary "" $path (eq $path "-")) -}}
{{- end -}}
{{- end -}}
{{- toYaml $paths -}}
{{- end -}}
