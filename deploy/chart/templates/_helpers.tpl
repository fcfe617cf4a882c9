{{/*
The name is that of SpinKube's own chart, so that objects keep their names when this one takes over.
*/}}
{{- define "spinkube.name" -}}
{{- default "spin-operator" .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "spinkube.fullname" -}}
{{- $name := include "spinkube.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "spinkube.selectorLabels" -}}
app.kubernetes.io/name: {{ include "spinkube.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "spinkube.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "spinkube.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "spinkube.serviceAccountName" -}}
{{- $own := printf "%s-controller-manager" (include "spinkube.fullname" .) -}}
{{- $account := .Values.controllerManager.serviceAccount -}}
{{- ternary (default $own $account.name) (default "default" $account.name) $account.create -}}
{{- end -}}

{{- define "spinkube.image" -}}
{{- $image := .Values.controllerManager.manager.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* "true" if nodes get shims: an operator of one namespace has no rights for that. */}}
{{- define "spinkube.shims" -}}
{{- if and .Values.rcm.enabled (not .Values.watchNamespace) -}}true{{- end -}}
{{- end -}}

{{- define "spinkube.jobNamespace" -}}
{{- default .Release.Namespace .Values.rcm.namespace -}}
{{- end -}}

{{/* An image of Jobs: the operator's own, unless the user has another. */}}
{{- define "spinkube.jobImage" -}}
{{- if .image.repository -}}
{{- printf "%s:%s" .image.repository (default .root.Chart.AppVersion .image.tag) -}}
{{- else -}}
{{- include "spinkube.image" .root -}}
{{- end -}}
{{- end -}}

{{/* All arguments that the user gave, one a line. */}}
{{- define "spinkube.userArgs" -}}
{{- $manager := .Values.controllerManager.manager -}}
{{- concat $manager.args $manager.extraArgs | join "\n" -}}
{{- end -}}

{{/*
"true" if webhooks are wanted: arguments that were written for SpinKube's chart may leave them out.
*/}}
{{- define "spinkube.webhooks" -}}
{{- $switch := include "spinkube.userArgs" . | splitList "\n" | join " " | regexMatch "(^| )--?enable-webhooks(=true)?( |$)" -}}
{{- if and .Values.webhooks.enabled $switch -}}true{{- end -}}
{{- end -}}

{{/*
The port that a flag such as --metrics-bind-address=:8443 names; the default if it is absent, nothing
if it is 0.
*/}}
{{- define "spinkube.port" -}}
{{- $port := .default -}}
{{- range include "spinkube.userArgs" .root | splitList "\n" -}}
{{- if regexMatch (printf "^--?%s=" $.flag) . -}}
{{- $port = regexReplaceAll "^.*[:=]" . "" -}}
{{- end -}}
{{- end -}}
{{- if ne (toString $port) "0" -}}{{- $port -}}{{- end -}}
{{- end -}}

{{- define "spinkube.executorNamespace" -}}
{{- default (default "default" .Values.watchNamespace) .Values.executor.namespace -}}
{{- end -}}

{{/* What the operator may do with objects of namespaces. */}}
{{- define "spinkube.namespacedRules" -}}
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [""]
  resources: [secrets, services]
  verbs: [create, delete, get, list, patch, update, watch]
# Runtime configuration may name them.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
# Why an app does not run.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [create, delete, get, list, patch, update, watch]
- apiGroups: [apps]
  resources: [deployments/status]
  verbs: [get]
- apiGroups: [core.spinkube.dev]
  resources: [spinapps]
  verbs: [get, list, patch, update, watch]
- apiGroups: [core.spinkube.dev]
  resources: [spinappexecutors]
  verbs: [create, get, list, patch, update, watch]
# Needed to own objects where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [core.spinkube.dev]
  resources: [spinapps/finalizers, spinappexecutors/finalizers]
  verbs: [update]
- apiGroups: [core.spinkube.dev]
  resources: [spinapps/status, spinappexecutors/status]
  verbs: [get, patch, update]
{{- end -}}
