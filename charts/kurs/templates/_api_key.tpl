{{/*
The text of a new API key, `kurs_<environment>_<id>_<secret>_<crc32>`, as the gateway makes them
(services/api-gateway, key_text.py). Call with environment and id.
*/}}
{{- define "kurs.apiKey" -}}
{{- $body := printf "kurs_%s_%s_%s" .environment .id (randAlphaNum 48) -}}
{{ $body }}_{{ include "kurs.crc32" $body }}
{{- end }}

{{/* The CRC-32 of an ASCII text, bit by bit: templates have no such function. Bits run from the lowest. */}}
{{- define "kurs.crc32" -}}
{{- $polynomial := splitList "" "00000100110000010001110110110111" -}}
{{- $register := splitList "" (repeat 32 "1") -}}
{{- range $i := until (len .) -}}
{{- $byte := index $ $i | int -}}
{{- range until 8 -}}
{{- $feedback := mod (add (first $register | int) $byte) 2 -}}
{{- $byte = div $byte 2 -}}
{{- $shifted := append (rest $register) "0" -}}
{{- $register = list -}}
{{- range $bit, $tap := $polynomial -}}
{{- $register = append $register (mod (add (index $shifted $bit | int) (mul $feedback ($tap | int))) 2) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $nibble := untilStep 28 -4 -4 -}}
{{- $value := 0 -}}
{{- range $weight := untilStep 3 -1 -1 -}}
{{- $value = add (mul $value 2) (sub 1 (index $register (add $nibble $weight | int) | int)) -}}
{{- end -}}
{{- printf "%x" $value -}}
{{- end -}}
{{- end }}
