{{- define "holdfast.uninstalls" -}}
{{- if and (ne .Values.uninstall.hooks "never") (include "holdfast.runsHooks" .) }}yes{{ end -}}
{{- end -}}

{{- /* Not empty where the data of the nodes outlives the release. K3s and RKE2 uninstall and install again what a HelmChart object of theirs could not
upgrade, unless it says otherwise: a refused upgrade must not cost the data. */ -}}
{{- define "holdfast.keepsData" -}}
{{- $isKept := .Values.uninstall.keepData -}}
{{- if .Capabilities.APIVersions.Has "helm.cattle.io/v1/HelmChart" -}}
{{- range (lookup "helm.cattle.io/v1" "HelmChart" "" "").items -}}
{{- $isThis := and (eq .metadata.name $.Release.Name) (eq (default .metadata.namespace .spec.targetNamespace) $.Release.Namespace) -}}
{{- if and $isThis (ne (default "reinstall" .spec.failurePolicy) "abort") -}}
{{- $isKept = true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $isKept }}yes{{ end -}}
{{- end -}}

{{- /* How what uninstalls is pulled: its node has the image, and soon nobody to pull it through. */ -}}
{{- define "holdfast.pullsNoMore" -}}
{{- ternary "Never" "IfNotPresent" (eq .Values.image.pullPolicy "Never") -}}
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
{{- if include "holdfast.keepsData" $root }} --keep-data{{ end -}}
{{- end -}}

{{- /* Which containerd is meant. Called as the one above. */ -}}
{{- define "holdfast.containerdOf" -}}
{{- $containerd := (fromYaml (include "holdfast.config" (index . 0))).containerd -}}
--containerd.certs-dir {{ index . 1 }}{{ $containerd.certsDir }} --containerd.socket {{ index . 1 }}{{ $containerd.socket -}}
{{- with $containerd.namespace }} --containerd.namespace {{ . }}{{ end -}}
{{- end -}}

{{- /* The affinity that is set, and none to nodes with a mirror of another release, whose files and data those are; with "cleans" nor with one of this release.
It is one rule: once a pod is gone, the scheduler tries again at once those alone all of whose rules that pod broke.
Call: include "holdfast.apartFromMirrors" (dict "root" . "cleans" true) */ -}}
{{- define "holdfast.apartFromMirrors" -}}
{{- $affinity := deepCopy (default dict .root.Values.affinity) -}}
{{- $kind := "requiredDuringSchedulingIgnoredDuringExecution" -}}
{{- $mirrors := dict "matchLabels" (omit (fromYaml (include "holdfast.selectorLabels" .root)) "app.kubernetes.io/instance") -}}
{{- if not .cleans -}}
{{- $key := "holdfast/release" -}}
{{- $isOther := list (dict "key" $key "operator" "Exists") (dict "key" $key "operator" "NotIn" "values" (list (include "holdfast.releaseId" .root))) -}}
{{- $_ := set $mirrors "matchExpressions" $isOther -}}
{{- end -}}
{{- $rule := dict "topologyKey" "kubernetes.io/hostname" "namespaceSelector" dict "labelSelector" $mirrors -}}
{{- $apart := default dict $affinity.podAntiAffinity -}}
{{- $_ := set $apart $kind (append (default list (get $apart $kind)) $rule) -}}
{{- toYaml (set $affinity "podAntiAffinity" $apart) -}}
{{- end -}}
