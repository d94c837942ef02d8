package entra

import (
	"html/template"
	"net/http"
)

// errorPage is what people see where the host sets no Config.OnError: what happened, what to do, and the attempt's id to quote.
func (s *Service) errorPage(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	w.WriteHeader(e.Status())
	data := struct{ Text, Attempt, Back string }{e.Public, e.Attempt, s.cfg.DefaultReturn}
	if err := errorTemplate.Execute(w, data); err != nil {
		s.log.Warn("error page", "error", err)
	}
}

// addressPage asks for an address. It names no form-action: browsers hold redirects to it too, and where a person is sent depends on what they type.
func (s *Service) addressPage(w http.ResponseWriter, r *http.Request) {
	secureHeaders(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	data := struct{ Action, ReturnTo, Back string }{s.path + "/discover", r.URL.Query().Get("return_to"), s.cfg.DefaultReturn}
	if err := addressTemplate.Execute(w, data); err != nil {
		s.log.WarnContext(r.Context(), "address page", "error", err)
	}
}

var addressTemplate = template.Must(template.New("address").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Single sign-on</title>
<style>
:root { color-scheme: light dark }
body { font: 1.0625rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1.25rem }
h1 { font-size: 1.5rem; line-height: 1.25 }
label { display: block; margin-bottom: .25rem }
input, button { font: inherit; padding: .5rem .75rem; box-sizing: border-box }
input { width: 100%; margin-bottom: 1rem }
</style>
<main>
<h1>Single sign-on</h1>
<form method="post" action="{{.Action}}">
<label for="address">Your work email address</label>
<input id="address" name="address" type="email" autocomplete="username" required autofocus>
<input type="hidden" name="return_to" value="{{.ReturnTo}}">
<button type="submit">Continue</button>
</form>
<p><a href="{{.Back}}">Back</a></p>
</main>
</html>
`))

var errorTemplate = template.Must(template.New("error").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign-in did not succeed</title>
<style>
:root { color-scheme: light dark }
body { font: 1.0625rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1.25rem }
h1 { font-size: 1.5rem; line-height: 1.25 }
code { font-size: .9375rem }
</style>
<main>
<h1>Sign-in did not succeed</h1>
<p>{{.Text}}</p>
{{with .Attempt}}<p>Attempt: <code>{{.}}</code></p>{{end}}
<p><a href="{{.Back}}">Back</a></p>
</main>
</html>
`))
