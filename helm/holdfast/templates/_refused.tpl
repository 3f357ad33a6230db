{{- /* Fails where values are well formed, and yet the API server or the node would refuse what is made of them, or it would do harm there. */ -}}
{{- define "holdfast.refuse-values" -}}
{{- $faults := concat (fromYamlArray (include "holdfast.path-faults" .)) (fromYamlArray (include "holdfast.pod-faults" .)) -}}
{{- range .Values.networkPolicy.nodeNetworks -}}
{{- if not (regexMatch `^([0-9.]+/([0-9]|[12][0-9]|3[0-2])|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))$` .) -}}
{{- $faults = append $faults (printf "networkPolicy.nodeNetworks: %s is no network; write it with its mask, as in 10.0.0.0/24" .) -}}
{{- end -}}
{{- end -}}
{{- $unit := `(\*|\?|[0-9]+|[A-Za-z]{3})(-([0-9]+|[A-Za-z]{3}))?(/[0-9]+)?` -}}
{{- $field := printf `%s(,%s)*` $unit $unit -}}
{{- $schedule := default "" .Values.warm.schedule -}}
{{- if not (regexMatch (printf `^\s*(%s(\s+%s){4}|@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every [0-9.a-z]+)\s*$` $field $field) $schedule) -}}
{{- $faults = append $faults (printf "warm.schedule: %s is no cron expression; write minute, hour, day, month and day of the week, as in 0 3 * * *" $schedule) -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "these values do not work:\n  %s\n" (join "\n  " $faults)) -}}
{{- end -}}
{{- end -}}

{{- /* In the pod every path has a name of the chart's: what is wrong with it on the node is seen here alone. A YAML list. */ -}}
{{- define "holdfast.path-faults" -}}
{{- $faults := list -}}
{{- with .Values.paths.drop -}}
{{- $drop := clean . -}}
{{- $data := clean $.Values.paths.data -}}
{{- if regexMatch `/agent/images(/|$)` $drop -}}
{{- $faults = append $faults (printf "paths.drop: K3s imports what lies in %s itself, and both would give one docker archive two digests; name another folder, as in /srv/holdfast-drop" .) -}}
{{- else if hasPrefix (printf "%s/" (trimSuffix "/" $drop)) (printf "%s/" $data) -}}
{{- $faults = append $faults (printf "paths.drop: the data of Holdfast (paths.data: %s) lies in %s; name a folder of its own, as in /srv/holdfast-drop" $data .) -}}
{{- end -}}
{{- end -}}
{{- with .Values.paths.socketDir -}}
{{- if hasSuffix ".sock" (clean .) -}}
{{- $faults = append $faults (printf "paths.socketDir: %s is the socket; name the directory that holds it, %s" . (dir (clean .))) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{- /* A YAML list. */ -}}
{{- define "holdfast.pod-faults" -}}
{{- $faults := list -}}
{{- $repository := .Values.image.repository -}}
{{- $bare := regexReplaceAll `(:[^/@]*)?(@.*)?$` $repository "" -}}
{{- if ne $bare $repository -}}
{{- $faults = append $faults (printf "image.repository: %s has a tag or digest; write %s, and the rest to image.tag or image.digest" $repository $bare) -}}
{{- end -}}
{{- $type := default "RollingUpdate" .Values.updateStrategy.type -}}
{{- if not (has $type (list "RollingUpdate" "OnDelete")) -}}
{{- $faults = append $faults (printf "updateStrategy.type: %s is none that a DaemonSet has; write RollingUpdate or OnDelete" $type) -}}
{{- end -}}
{{- $own := set (fromYaml (include "holdfast.labels" .)) "holdfast/release" "" -}}
{{- range $label, $value := .Values.podLabels -}}
{{- if hasKey $own $label -}}
{{- $faults = append $faults (printf "podLabels.%s: %s is not what the chart sets; leave it out" $label (toString $value)) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if has .name (list "HOLDFAST_CONFIG" "HOST_ADDRESS") -}}
{{- $faults = append $faults (printf "extraEnv: %s is set by the chart; leave it out%s" .name (ternary " (what it would say goes to config)" "" (eq .name "HOLDFAST_CONFIG"))) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}
