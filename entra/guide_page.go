package entra

import (
	"bytes"
	"html/template"
	"net/http"
)

// ServeHTTP answers with the guide as a page.
func (g *Guide) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var page bytes.Buffer
	if err := guideTemplate.Execute(&page, g); err != nil {
		http.Error(w, "the guide cannot be shown", http.StatusInternalServerError)
		return
	}
	secureHeaders(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	_, _ = w.Write(page.Bytes()) // the reader has gone
}

// The values wrap, so that long addresses are read on a telephone too; each is selected as a whole by one click.
var guideTemplate = template.Must(template.New("guide").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
:root { color-scheme: light dark }
body { font: 1.0625rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1.25rem }
h1 { font-size: 1.75rem; line-height: 1.25 }
h2 { font-size: 1.25rem; margin-bottom: .25rem }
dt { font-weight: 600 }
dd { margin: 0 0 .75rem }
code, pre { font-size: .9375rem; overflow-wrap: anywhere; white-space: pre-wrap; user-select: all }
pre { border: 1px solid; border-radius: .375rem; padding: .75rem }
</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
<ol>
{{range .Steps}}<li>
<h2>{{.Title}}</h2>
<p>{{.Text}}</p>
{{with .Values}}<dl>{{range .}}
<dt>{{.Label}}</dt><dd><code>{{.Value}}</code></dd>{{end}}
</dl>{{end}}
</li>
{{end}}</ol>
{{with .ManifestJSON}}<h2>Manifest</h2>
<p>On the page Manifest, these members take the place of those with the same name.</p>
<pre>{{.}}</pre>{{end}}
</main>
</body>
</html>
`))
