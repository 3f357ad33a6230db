{{- /* Whether hooks are run as hooks. Without an API server nothing is looked up, and what is rendered is not helm's to run: it is applied as it
is, and a hook would be as any object. */ -}}
{{- define "holdfast.runsHooks" -}}
{{- if or (eq .Values.uninstall.hooks "always") (hasKey (lookup "apps/v1" "DaemonSet" .Release.Namespace "") "items") }}yes{{ end -}}
{{- end -}}

{{- /* Annotations of a hook. It outlives its work only where helm is interrupted: what it said is printed. Call: include "holdfast.hook" (list "pre-upgrade" -5) */ -}}
{{- define "holdfast.hook" -}}
helm.sh/hook: {{ index . 0 }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
{{- end -}}

{{- /* Who may look how far a DaemonSet of the same name is, on which node. Call: include "holdfast.mayWait" (dict "root" . "name" NAME "hook" HOOK),
with "daemonSets" where they have other names. */ -}}
{{- define "holdfast.mayWait" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $labels := include "holdfast.commonLabels" $root -}}
{{- $hook := include "holdfast.hook" (list .hook -10) -}}
{{- $ofCluster := printf "%s-%s" $root.Release.Namespace $name -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels: {{- $labels | nindent 4 }}
  annotations: {{- $hook | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels: {{- $labels | nindent 4 }}
  annotations: {{- $hook | nindent 4 }}
rules:
  - apiGroups: [apps]
    resources: [daemonsets]
    resourceNames: [{{ default (list $name) .daemonSets | join ", " }}]
    verbs: [get]
  - apiGroups: [""]
    resources: [pods]
    verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels: {{- $labels | nindent 4 }}
  annotations: {{- $hook | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ $root.Release.Namespace | quote }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $ofCluster }}
  labels: {{- $labels | nindent 4 }}
  annotations: {{- $hook | nindent 4 }}
rules:
  - apiGroups: [""]
    resources: [nodes]
    verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $ofCluster }}
  labels: {{- $labels | nindent 4 }}
  annotations: {{- $hook | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $ofCluster }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ $root.Release.Namespace | quote }}
{{- end -}}

{{- /* That DaemonSet: its pods do one thing on every node and end. The kubelet starts them again: what counts is that it ended well once. Call: include
"holdfast.nodeWork" (dict "root" . "name" NAME "component" COMPONENT "hook" HOOK "pod" POD), where POD is all else of the pods as YAML. */ -}}
{{- define "holdfast.nodeWork" -}}
{{- $root := .root -}}
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ .name }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels: {{- include "holdfast.commonLabels" $root | nindent 4 }}
  annotations: {{- include "holdfast.hook" (list .hook -5) | nindent 4 }}
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ include "holdfast.name" $root | quote }}
      app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
      app.kubernetes.io/component: {{ .component }}
  template:
    metadata:
      labels:
        {{- include "holdfast.commonLabels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      priorityClassName: {{ $root.Values.priorityClassName }}
      {{- .pod | nindent 6 }}
{{- end -}}

{{- /* Its pod where files of containerd are changed. Call: include "holdfast.containerdPod" (dict "root" . "component" COMPONENT "account" SERVICE-ACCOUNT
"pullPolicy" POLICY "args" LIST "mounts" BOOL "cleans" BOOL), where "cleans" has it see the data, and keeps it from nodes with any mirror. */ -}}
{{- define "holdfast.containerdPod" -}}
{{- with .root -}}
serviceAccountName: {{ $.account }}
{{- include "holdfast.pulledAnywhere" . | nindent 0 }}
affinity: {{- include "holdfast.apartFromMirrors" $ | nindent 2 }}
containers:
  - name: {{ $.component }}
    image: {{ include "holdfast.image" . }}
    imagePullPolicy: {{ $.pullPolicy }}
    args: {{- toYaml $.args | nindent 6 }}
    {{- if $.mounts }}
    securityContext: {{- include "holdfast.mounting" . | nindent 6 }}
    {{- else }}
    securityContext: {{- include "holdfast.confined" . | nindent 6 }}
    {{- end }}
    terminationMessagePolicy: FallbackToLogsOnError
    resources: {{- toYaml .Values.jobResources | nindent 6 }}
    volumeMounts:
      {{- include "holdfast.containerdMounts" $ | nindent 6 }}
      {{- if $.cleans }}
      - name: data
        mountPath: /var/lib/holdfast
      {{- end }}
volumes:
  {{- include "holdfast.containerdVolumes" . | nindent 2 }}
  {{- if $.cleans }}
  {{- include "holdfast.dataVolume" . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* The Job that waits for that DaemonSet, and tells node by node. Call: as holdfast.mayWait, with "seconds", "more" (further arguments), "later" (a command for nodes that are off) and,
where the image may not be everywhere, "running" (holdfast.running), and where it is called otherwise, "account". */ -}}
{{- define "holdfast.waitJob" -}}
{{- $root := .root -}}
{{- $running := default dict .running -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .name }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels: {{- include "holdfast.commonLabels" $root | nindent 4 }}
  annotations: {{- include "holdfast.hook" (list .hook 0) | nindent 4 }}
spec:
  backoffLimit: 0
  template:
    metadata:
      labels:
        {{- include "holdfast.commonLabels" $root | nindent 8 }}
        app.kubernetes.io/component: wait
    spec:
      serviceAccountName: {{ default .name .account }}
      automountServiceAccountToken: true
      enableServiceLinks: false
      priorityClassName: {{ $root.Values.priorityClassName }}
      restartPolicy: Never
      {{- if $running }}
      nodeName: {{ $running.node | quote }}
      {{- include "holdfast.onNamedNode" $root | nindent 6 }}
      {{- else }}
      {{- include "holdfast.oneNode" $root | nindent 6 }}
      {{- end }}
      containers:
        - name: wait
          image: {{ default (include "holdfast.image" $root) $running.image }}
          imagePullPolicy: {{ include "holdfast.pullsNoMore" $root }}
          args:
            - kubernetes
            - wait
            - {{ .name }}
            - --namespace
            - {{ $root.Release.Namespace | quote }}
            - --within
            - {{ printf "%ds" (int .seconds) }}
            {{- range .more }}
            - {{ . | quote }}
            {{- end }}
            {{- with .later }}
            # As it is copied into a shell.
            - --later
            - |-
              {{ . }}
            {{- end }}
          securityContext: {{- include "holdfast.confined" $root | nindent 12 }}
          resources: {{- toYaml $root.Values.jobResources | nindent 12 }}
{{- end -}}

{{- /* A node whose mirror is ready, and the image that it runs, as YAML; empty: there is none, or no cluster was asked. */ -}}
{{- define "holdfast.running" -}}
{{- $labels := fromYaml (include "holdfast.selectorLabels" .) -}}
{{- $found := dict -}}
{{- range (lookup "v1" "Pod" .Release.Namespace "").items -}}
{{- $pod := . -}}
{{- $isMirror := and (not $found) (not $pod.metadata.deletionTimestamp) -}}
{{- range $label, $value := $labels -}}
{{- if ne $value (get (default dict $pod.metadata.labels) $label) -}}
{{- $isMirror = false -}}
{{- end -}}
{{- end -}}
{{- if $isMirror -}}
{{- $isReady := false -}}
{{- range default list $pod.status.conditions -}}
{{- if and (eq .type "Ready") (eq .status "True") -}}
{{- $isReady = true -}}
{{- end -}}
{{- end -}}
{{- range $pod.spec.containers -}}
{{- if and $isReady (eq .name "holdfast") -}}
{{- $found = dict "node" $pod.spec.nodeName "image" .image -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $found -}}{{- toYaml $found -}}{{- end -}}
{{- end -}}
