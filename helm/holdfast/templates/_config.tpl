{{- /* What the chart works out: where things lie in the pod, who listens where, where other nodes are. */ -}}
{{- define "holdfast.worked-out" -}}
{{- $paths := fromYaml (include "holdfast.paths" .) -}}
dataDir: /var/lib/holdfast
node:
  image: {{ include "holdfast.image" . }}
mirror:
  # The pod's own address: that is where the hostPort leads.
  listen: 0.0.0.0:5050
  tokenFile: /etc/holdfast/secret/mirror.token
admin:
  listen: 127.0.0.1:5051
  # For what runs in the pod, and for root on the node.
  socket: /var/lib/holdfast/admin.sock
  tokenFile: /etc/holdfast/secret/admin.tokens
peer:
  listen: 0.0.0.0:5052
mesh:
  enabled: true
  listen: 0.0.0.0:5053
  secretFile: /etc/holdfast/secret/mesh.keys
  # Without the domain of the cluster: the pod's search list has it.
  dns:
    - {{ printf "%s.%s.svc" (include "holdfast.meshService" .) .Release.Namespace }}
health:
  listen: 0.0.0.0:5054
store:
  kind: both
containerd:
  socket: {{ $paths.socketDir }}/containerd.sock
  contentDir: {{ $paths.contentDir }}
  configFile: {{ $paths.configDir }}/config.toml
  certsDir: {{ $paths.certsDir }}
  fallback: {{ .Values.fallback }}
  {{- with $paths.registriesDir }}
  registriesFile: {{ . }}/registries.yaml
  {{- end }}
{{- if .Values.upstreamSecrets }}
upstreamFiles:
  {{- range .Values.upstreamSecrets }}
  - /etc/holdfast/upstreams/{{ . }}/.dockerconfigjson
  {{- end }}
{{- end }}
{{- if .Values.paths.drop }}
dropFolder:
  path: /var/lib/holdfast-drop
{{- end }}
{{- end -}}

{{- /* A mapping without what is null: that is not set. Call: include "holdfast.withoutNull" MAPPING */ -}}
{{- define "holdfast.withoutNull" -}}
{{- $set := dict -}}
{{- range $key, $value := . -}}
{{- if kindIs "map" $value -}}
{{- $_ := set $set $key (fromYaml (include "holdfast.withoutNull" $value)) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $_ := set $set $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $set -}}
{{- end -}}

{{- /* holdfast.yaml as it is mounted: values.config before what is worked out; files with credentials are added to each other. */ -}}
{{- define "holdfast.config" -}}
{{- include "holdfast.refuse-values" . -}}
{{- $made := fromYaml (include "holdfast.worked-out" .) -}}
{{- $given := fromYaml (include "holdfast.withoutNull" (default dict .Values.config)) -}}
{{- include "holdfast.refuse-decided" (dict "root" . "given" $given "made" $made) -}}
{{- $files := concat (default list $given.upstreamFiles) (default list $made.upstreamFiles) -}}
{{- $config := mergeOverwrite $made $given -}}
{{- if $files -}}
{{- $_ := set $config "upstreamFiles" $files -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- /* Port of one listener. Call: include "holdfast.port" (list . "mirror") */ -}}
{{- define "holdfast.port" -}}
{{- $config := fromYaml (include "holdfast.config" (index . 0)) -}}
{{- $listen := get (get $config (index . 1)) "listen" -}}
{{- regexFind "[0-9]+$" $listen -}}
{{- end -}}

{{- /* Not empty where the pod has to mount files on its node. */ -}}
{{- define "holdfast.mounts-on-node" -}}
{{- $config := fromYaml (include "holdfast.config" .) -}}
{{- if eq $config.containerd.fallback "auto" -}}yes{{- end -}}
{{- end -}}

{{- /* Not empty where the release leaves fallback auto: it runs with it, or not every node has a pod yet that took away what was mounted. */ -}}
{{- define "holdfast.leaves-auto" -}}
{{- $there := lookup "apps/v1" "DaemonSet" .Release.Namespace (include "holdfast.fullname" .) -}}
{{- if $there -}}
{{- $pod := $there.spec.template.spec -}}
{{- $status := default dict $there.status -}}
{{- $isThrough := and (eq (int $there.metadata.generation) (int $status.observedGeneration)) (eq (int $status.desiredNumberScheduled) (int $status.updatedNumberScheduled)) (eq (int $status.desiredNumberScheduled) (int $status.numberAvailable)) -}}
{{- range concat (default list $pod.initContainers) $pod.containers -}}
{{- if and (dig "securityContext" "privileged" false .) (not (and (eq .name "install") $isThrough)) -}}yes{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Not empty where what is mounted on nodes may have to be taken away. */ -}}
{{- define "holdfast.unmounts" -}}
{{- if or (include "holdfast.mounts-on-node" .) .Values.leavingAuto (include "holdfast.leaves-auto" .) -}}yes{{- end -}}
{{- end -}}

{{- /* Name of the Service behind which nodes are looked for by the API server, if any. */ -}}
{{- define "holdfast.seed-service" -}}
{{- $mesh := (fromYaml (include "holdfast.config" .)).mesh -}}
{{- if $mesh.enabled -}}{{- dig "kubernetes" "service" "" $mesh -}}{{- end -}}
{{- end -}}

{{- /* What is done with Node objects, as JSON; empty: nothing. */ -}}
{{- define "holdfast.node-verbs" -}}
{{- $config := fromYaml (include "holdfast.config" .) -}}
{{- $verbs := list -}}
{{- if and $config.node.zoneLabel (not $config.node.zone) -}}
{{- $verbs = append $verbs "get" -}}
{{- end -}}
{{- if and $config.mesh.enabled (dig "kubernetes" "annotation" "" $config.mesh) -}}
{{- $verbs = concat $verbs (list "list" "patch") -}}
{{- end -}}
{{- if $verbs -}}{{- toJson $verbs -}}{{- end -}}
{{- end -}}

{{- /* Not empty where the API server is asked for anything. */ -}}
{{- define "holdfast.asks-kubernetes" -}}
{{- if or (include "holdfast.seed-service" .) (include "holdfast.node-verbs" .) -}}yes{{- end -}}
{{- end -}}

{{- /* Not empty where there is a second path; fails where the API server cannot have it. */ -}}
{{- define "holdfast.has-second-path" -}}
{{- if .Values.secondPath.enabled -}}
{{- if semverCompare "<1.34.0-0" .Capabilities.KubeVersion.Version -}}
{{- fail (printf "secondPath needs trafficDistribution PreferSameNode, which API servers have from 1.34 on; this one is %s" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
yes
{{- end -}}
{{- end -}}
