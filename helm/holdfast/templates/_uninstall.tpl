{{- define "holdfast.uninstalls" -}}
{{- if and (ne .Values.uninstall.hooks "never") (include "holdfast.runsHooks" .) }}yes{{ end -}}
{{- end -}}

{{- /* The command that leaves a node as it was; words between single spaces. Call: include "holdfast.cleanNode" (list . HOST), where HOST is put
before paths of the node. */ -}}
{{- define "holdfast.cleanNode" -}}
{{- $root := index . 0 -}}
{{- $host := index . 1 -}}
{{- $config := fromYaml (include "holdfast.config" $root) -}}
{{- $paths := fromYaml (include "holdfast.paths" $root) -}}
uninstall {{ include "holdfast.containerdOf" . -}}
{{- range $flag, $path := dict "data-dir" $config.dataDir "store.dir" (default "" $config.store.dir) -}}
{{- if $path }} --{{ $flag }} {{ if $host }}{{ $host }}{{ $path | replace "/var/lib/holdfast" $paths.data }}{{ else }}{{ $path }}{{ end }}{{ end -}}
{{- end }} --wait 2m
{{- if $root.Values.uninstall.keepData }} --keep-data{{ end -}}
{{- end -}}

{{- /* Which containerd is meant. Called as the one above. */ -}}
{{- define "holdfast.containerdOf" -}}
{{- $containerd := (fromYaml (include "holdfast.config" (index . 0))).containerd -}}
--containerd.certs-dir {{ index . 1 }}{{ $containerd.certsDir }} --containerd.socket {{ index . 1 }}{{ $containerd.socket -}}
{{- with $containerd.namespace }} --containerd.namespace {{ . }}{{ end -}}
{{- end -}}

{{- /* The affinity that is set, and none to nodes that have a mirror. */ -}}
{{- define "holdfast.apartFromMirrors" -}}
{{- $affinity := deepCopy .Values.affinity -}}
{{- $kind := "requiredDuringSchedulingIgnoredDuringExecution" -}}
{{- $mirrors := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (fromYaml (include "holdfast.selectorLabels" .))) -}}
{{- $apart := default dict $affinity.podAntiAffinity -}}
{{- $_ := set $apart $kind (append (default list (get $apart $kind)) $mirrors) -}}
{{- toYaml (set $affinity "podAntiAffinity" $apart) -}}
{{- end -}}
