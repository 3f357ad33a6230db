{{- /* Keys of the configuration that a value of the chart decides, with that value: what is mounted, what the node is told and what is left for
it after an uninstall hang on them. */ -}}
{{- define "holdfast.decided" -}}
node.name: none, it is the name of the node
node.image: image.repository, image.tag or image.digest
mirror.tokenFile: secret.existing
admin.tokenFile: secret.existing
admin.socket: none, warm and kubectl exec ask by it
mesh.secretFile: secret.existing
containerd.socket: paths.socketDir
containerd.contentDir: paths.contentDir
containerd.configFile: paths.configDir
containerd.certsDir: paths.certsDir
containerd.registriesFile: paths.registriesDir
containerd.fallback: fallback
{{- end -}}

{{- /* What stands at a path of a mapping; empty: nothing. Call: include "holdfast.at" (list MAPPING "containerd.socket") */ -}}
{{- define "holdfast.at" -}}
{{- $found := index . 0 -}}
{{- range splitList "." (index . 1) -}}
{{- $found = get (default dict $found) . -}}
{{- end -}}
{{- $found -}}
{{- end -}}

{{- /* The variable by which a key of the configuration is set, too. Call: include "holdfast.variable" "containerd.socket" */ -}}
{{- define "holdfast.variable" -}}
{{- $parts := list -}}
{{- range splitList "." . -}}
{{- $parts = append $parts (upper (snakecase .)) -}}
{{- end -}}
{{- printf "HOLDFAST_%s" (join "__" $parts) -}}
{{- end -}}

{{- /* Fails where values.config or values.extraEnv says otherwise than the chart what the chart decides, or what the program would not take: the
mirror would not come up, or nobody would reach it.
Call: include "holdfast.refuse-decided" (dict "root" . "given" GIVEN "made" MADE) */ -}}
{{- define "holdfast.refuse-decided" -}}
{{- $given := .given -}}
{{- $made := .made -}}
{{- $faults := list -}}
{{- $decided := fromYaml (include "holdfast.decided" .root) -}}
{{- range $key, $value := $decided -}}
{{- $said := include "holdfast.at" (list $given $key) -}}
{{- $set := include "holdfast.at" (list $made $key) -}}
{{- if and $said (ne (clean $said) (clean $set)) -}}
{{- $faults = append $faults (printf "config.%s: %s is not what the chart sets%s; leave it out (the value of the chart for it: %s)" $key $said (ternary (printf ", %s" $set) "" (ne $set "")) $value) -}}
{{- end -}}
{{- end -}}
{{- $directories := dict "dataDir" "paths.data" "store.dir" "paths.data" "dropFolder.path" "paths.drop" -}}
{{- range $key, $value := $directories -}}
{{- $said := include "holdfast.at" (list $given $key) -}}
{{- $isMounted := or (eq (clean $said) (include "holdfast.at" (list $made $key))) (hasPrefix "/var/lib/holdfast/" (clean $said)) -}}
{{- if and $said (not $isMounted) -}}
{{- $faults = append $faults (printf "config.%s: %s has to be a directory below /var/lib/holdfast, where the chart mounts what lasts; leave it out (the value of the chart for it: %s, a directory of the node)" $key $said $value) -}}
{{- end -}}
{{- end -}}
{{- range list "mirror" "peer" "mesh" "health" -}}
{{- $said := include "holdfast.at" (list $given (printf "%s.listen" .)) -}}
{{- if and $said (not (regexMatch `^(0\.0\.0\.0|\[::\]):0*[1-9][0-9]*$` $said)) -}}
{{- $faults = append $faults (printf "config.%s.listen: %s is not reached from outside the pod; leave it out, or change the port of %s alone" . $said (get $made .).listen) -}}
{{- end -}}
{{- end -}}
{{- range $name, $upstream := $given.upstreams -}}
{{- if not (regexMatch `^(\*|(localhost|[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?|[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?:[1-9][0-9]{0,4})$` $name) -}}
{{- $faults = append $faults (printf "config.upstreams.%s: is no name of a registry; write a host as in docker.io or registry.lan:5000" $name) -}}
{{- end -}}
{{- end -}}
{{- $ports := dict -}}
{{- $apart := list "admin.listen" "mirror.listen" "health.listen" -}}
{{- if ne (include "holdfast.at" (list $given "mesh.enabled")) "false" -}}
{{- $apart = concat $apart (list "peer.listen" "mesh.listen") -}}
{{- end -}}
{{- range $key := $apart -}}
{{- $said := include "holdfast.at" (list $given $key) -}}
{{- $port := regexFind "[0-9]+$" (default (include "holdfast.at" (list $made $key)) $said) | atoi | toString -}}
{{- $other := get $ports $port -}}
{{- if and $other (ne $port "0") -}}
{{- $faults = append $faults (printf "config.%s: port %s is that of config.%s, too; write another one" (ternary $key $other (ne $said "")) $port (ternary $other $key (ne $said ""))) -}}
{{- end -}}
{{- $_ := set $ports $port $key -}}
{{- end -}}
{{- $listens := dict "mirror.listen" "config.mirror.listen" "peer.listen" "config.peer.listen" "mesh.listen" "config.mesh.listen" "health.listen" "config.health.listen" -}}
{{- range $key, $value := merge $listens $directories $decided -}}
{{- $variable := include "holdfast.variable" $key -}}
{{- range $.root.Values.extraEnv -}}
{{- if eq .name $variable -}}
{{- $faults = append $faults (printf "extraEnv: %s goes before what the chart sets for %s; leave it out (the value of the chart for it: %s)" $variable $key $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "config contradicts the chart:\n  %s\n" (join "\n  " $faults)) -}}
{{- end -}}
{{- end -}}

{{- /* Fails where hosts.toml would name a file that containerd does not find: with a registry behind the mirror it reads the files of config.upstreams.*.tls by
the same paths on the node, and pulls nothing through the mirror either where one is missing. */ -}}
{{- define "holdfast.refuse-unseen" -}}
{{- $config := fromYaml (include "holdfast.config" .) -}}
{{- $seen := dict -}}
{{- range .Values.extraVolumes -}}
{{- $_ := set $seen .name (default "" (default dict .hostPath).path) -}}
{{- end -}}
{{- if ne $config.containerd.fallback "none" -}}
{{- range $registry, $upstream := $config.upstreams -}}
{{- range $key, $file := pick (default dict (default dict $upstream).tls) "caFile" "certFile" "keyFile" -}}
{{- range $.Values.extraVolumeMounts -}}
{{- if and (hasPrefix (printf "%s/" (clean .mountPath)) (clean $file)) (ne (clean .mountPath) (clean (default "" (get $seen .name)))) -}}
{{- fail (printf "config.upstreams.%s.tls.%s: with fallback %s containerd reads %s on the node, too: set fallback to none, or put it there and have %s mounted by a hostPath with the same path (docs/kubernetes.md, Secrets)" $registry $key $config.containerd.fallback $file .mountPath) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
