{{- /* A container that may do nothing but use the files of root. What the other kind has is denied by its name: what an upgrade or rollback that failed
left would stay beside this otherwise, and Kubernetes take neither. Call: include "holdfast.confined" . */ -}}
{{- define "holdfast.confined" -}}
runAsUser: 0
runAsGroup: 0
readOnlyRootFilesystem: true
privileged: false
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- with .Values.seLinuxOptions }}
seLinuxOptions: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* One that mounts on its node: Kubernetes allows mountPropagation Bidirectional to privileged containers alone. */ -}}
{{- define "holdfast.mounting" -}}
runAsUser: 0
runAsGroup: 0
readOnlyRootFilesystem: true
privileged: true
allowPrivilegeEscalation: true
{{- with .Values.seLinuxOptions }}
seLinuxOptions: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "holdfast.env" -}}
- name: HOLDFAST_CONFIG
  value: /etc/holdfast/config/holdfast.yaml
- name: HOLDFAST_NODE__NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- $node := (fromYaml (include "holdfast.config" .)).node }}
{{- $isZoneGiven := false }}
{{- range .Values.extraEnv }}
{{- if eq .name "HOLDFAST_NODE__ZONE" }}{{ $isZoneGiven = true }}{{ end }}
{{- end }}
{{- if and .Values.zoneFromNode (not $node.zone) (not $node.zoneLabel) (not $isZoneGiven) }}
- name: HOLDFAST_NODE__ZONE
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['topology.kubernetes.io/zone']
{{- end }}
- name: HOST_ADDRESS
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* What every container of ours needs to know. Directories alone: a file that is mounted stays the one that it was. */ -}}
{{- define "holdfast.configMounts" -}}
- name: config
  mountPath: /etc/holdfast/config
  readOnly: true
- name: secret
  mountPath: /etc/holdfast/secret
  readOnly: true
{{- range $index, $secret := .Values.upstreamSecrets }}
- name: upstream-{{ $index }}
  mountPath: /etc/holdfast/upstreams/{{ $secret }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "holdfast.configVolumes" -}}
- name: config
  configMap:
    name: {{ include "holdfast.fullname" . }}
{{ include "holdfast.filesVolumes" . }}
{{- end -}}

{{- define "holdfast.filesVolumes" -}}
- name: secret
  secret:
    secretName: {{ include "holdfast.secretName" . }}
    defaultMode: 0400
{{- range $index, $secret := .Values.upstreamSecrets }}
- name: upstream-{{ $index }}
  secret:
    secretName: {{ $secret }}
    defaultMode: 0400
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* containerd's files. Call: include "holdfast.containerdMounts" (dict "root" . "mounts" true) */ -}}
{{- define "holdfast.containerdMounts" -}}
{{- $paths := fromYaml (include "holdfast.paths" .root) -}}
- name: containerd-socket
  mountPath: {{ $paths.socketDir }}
  # Below it are mounts of every container: what is unmounted on the node has to go here, too.
  mountPropagation: HostToContainer
- name: containerd-config
  mountPath: {{ $paths.configDir }}
  readOnly: true
  # certs.d lies in it. A file that was mounted there when the pod started would stay mounted here, below what is mounted next, and could
  # neither be written nor be taken away.
  mountPropagation: HostToContainer
- name: containerd-certs
  mountPath: {{ $paths.certsDir }}
  mountPropagation: {{ ternary "Bidirectional" "None" .mounts }}
{{- with $paths.registriesDir }}
- name: registries
  mountPath: {{ . }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "holdfast.containerdVolumes" -}}
{{- $paths := fromYaml (include "holdfast.paths" .) -}}
- name: containerd-socket
  hostPath:
    path: {{ $paths.socketDir }}
    type: Directory
- name: containerd-config
  hostPath:
    path: {{ $paths.configDir }}
    type: DirectoryOrCreate
- name: containerd-certs
  hostPath:
    path: {{ $paths.certsDir }}
    type: DirectoryOrCreate
{{- with $paths.registriesDir }}
- name: registries
  hostPath:
    path: {{ . }}
    type: DirectoryOrCreate
{{- end }}
{{- end -}}

{{- define "holdfast.dataVolume" -}}
- name: data
  hostPath:
    path: {{ (fromYaml (include "holdfast.paths" .)).data }}
    type: DirectoryOrCreate
{{- end -}}

{{- define "holdfast.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{ end -}}
{{- end -}}

{{- /* With what the pods of this release are pulled, and which nodes they are meant for, but for affinity. */ -}}
{{- define "holdfast.pulledOnNodes" -}}
{{- include "holdfast.pullSecrets" . }}
{{- with .Values.nodeSelector -}}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- /* The same for a pod whose node is named already: nobody schedules it, and the kubelet would turn away what its labels do not fit. */ -}}
{{- define "holdfast.onNamedNode" -}}
{{- include "holdfast.pullSecrets" . -}}
tolerations:
  - operator: Exists
{{- end -}}

{{- /* The same for one pod a node, whatever its node is tainted with. */ -}}
{{- define "holdfast.pulledAnywhere" -}}
{{- include "holdfast.pulledOnNodes" . }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Where the pods of this release may run, and with what they are pulled. */ -}}
{{- define "holdfast.everyNode" -}}
{{- include "holdfast.pulledAnywhere" . }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The same for a pod of which there is one. Who tolerates everything is also sent to nodes that are off, and never starts there: so a
toleration without a key becomes one for each kind of node that is on and has a mirror. */ -}}
{{- define "holdfast.oneNode" -}}
{{- $tolerations := list -}}
{{- range $toleration := .Values.tolerations -}}
{{- if not $toleration.key -}}
{{- range list "node-role.kubernetes.io/control-plane" "node-role.kubernetes.io/master" "node.kubernetes.io/unschedulable" -}}
{{- $tolerations = append $tolerations (merge (dict "key" .) $toleration) -}}
{{- end -}}
{{- else if not (has $toleration.key (list "node.kubernetes.io/not-ready" "node.kubernetes.io/unreachable")) -}}
{{- $tolerations = append $tolerations $toleration -}}
{{- end -}}
{{- end -}}
{{- include "holdfast.pulledOnNodes" . }}
{{- with $tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "holdfast.contentMount" -}}
- name: containerd-content
  mountPath: {{ (fromYaml (include "holdfast.paths" .)).contentDir }}
  readOnly: true
{{- end -}}

{{- define "holdfast.contentVolume" -}}
- name: containerd-content
  hostPath:
    path: {{ (fromYaml (include "holdfast.paths" .)).contentDir }}
    type: Directory
{{- end -}}

{{- /* How pods are replaced: one after the other, besides those that are away already. Those of nodes that are off count, and as many as may
be away would else be reached before any is replaced. */ -}}
{{- define "holdfast.updateStrategy" -}}
{{- $strategy := deepCopy .Values.updateStrategy -}}
{{- $rolling := default dict $strategy.rollingUpdate -}}
{{- if and (eq (default "RollingUpdate" $strategy.type) "RollingUpdate") (not (hasKey $rolling "maxUnavailable")) -}}
{{- $there := lookup "apps/v1" "DaemonSet" .Release.Namespace (include "holdfast.fullname" .) -}}
{{- $_ := set $strategy "rollingUpdate" (merge (dict "maxUnavailable" (add1 (dig "status" "numberUnavailable" 0 (default dict $there)))) $rolling) -}}
{{- end -}}
{{- toYaml $strategy -}}
{{- end -}}
