{{- define "tandem.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "tandem.selector" -}}
app.kubernetes.io/name: tandem-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tandem.labels" -}}
{{ include "tandem.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tandem.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses a configuration with other places than the chart's: a journal outside of its volume is a journal that is lost. */}}
{{- define "tandem.places" -}}
{{- $toml := .Values.config.toml -}}
{{- range tuple
  (tuple "directory" "/run/tandem/keys")
  (tuple "password-file" "/run/tandem/password/password")
  (tuple "listen" "0.0.0.0:7700")
  (tuple "http" "0.0.0.0:7701")
  (tuple "data" "/var/lib/tandem/data")
  (tuple "guard" "/var/lib/tandem-guard/guard")
  (tuple "manifests" "/run/tandem/manifests")
  (tuple "components" "/var/lib/tandem/components") -}}
{{- $line := printf "%s = \"%s\"" (first .) (last .) -}}
{{- if not (regexMatch (printf "(?m)^%s[ \\t]*(#.*)?$" (regexQuoteMeta $line)) $toml) -}}
{{- fail (printf "config.toml lacks the line: %s" $line) -}}
{{- end -}}
{{- end -}}
{{- end -}}
