{{- /* A matcher of the job under which the operator scrapes this release; of any that has its name, where it is not the operator who does. */ -}}
{{- define "holdfast.job" -}}
{{- $kind := .Values.monitor.kind -}}
{{- if eq $kind "PodMonitor" -}}
job="{{ .Release.Namespace }}/{{ include "holdfast.fullname" . }}"
{{- else if eq $kind "ServiceMonitor" -}}
job="{{ include "holdfast.meshService" . }}"
{{- else -}}
job=~".*{{ include "holdfast.fullname" . }}.*"
{{- end -}}
{{- end -}}

{{- /* The alerts of the project, for this release: by its job, and with links that lead somewhere or none. */ -}}
{{- define "holdfast.alerts" -}}
{{- $alerts := .Files.Get "alerts/holdfast.yaml" | replace `job=~".*holdfast.*"` (include "holdfast.job" .) | fromYaml -}}
{{- $runbook := .Values.monitor.runbookUrl -}}
{{- range $group := $alerts.groups }}
{{- range $rule := $group.rules }}
{{- if $runbook }}
{{- $_ := set $rule.annotations "runbook_url" (replace "docs/runbook.md" $runbook $rule.annotations.runbook_url) }}
{{- else }}
{{- $_ := unset $rule.annotations "runbook_url" }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $alerts }}
{{- end -}}
