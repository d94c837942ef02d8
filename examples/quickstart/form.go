package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// formField is one input of the connection form. Its name is the member's in the JSON, which is how findings name it too.
type formField struct {
	name, label, help string
	kind              kind
	operator          bool // an organization's administrator may not change it, so the form does not show it to them
	choices           func() []choice
	get               func(*entra.Connection) string
	set               func(*entra.Connection, string) error
	stored            func(*entra.Connection) bool // of a secret: there is one
}

// kind is what an input looks like.
type kind string

const (
	line    kind = "line"
	lines   kind = "lines" // one value a line
	code    kind = "code"  // JSON or PEM
	check   kind = "check"
	secret  kind = "secret"
	keyPair kind = "keypair" // a certificate with its private key: pasted, or a file
	pick    kind = "select"
	date    kind = "date"
	number  kind = "number"
)

// choice is an option of a select.
type choice struct {
	Value, Label string
	Selected     bool
}

// is gives the field a get and set for text.
func (f formField) text(p func(*entra.Connection) *string) formField {
	if f.kind == "" {
		f.kind = line
	}
	f.get = func(c *entra.Connection) string { return *p(c) }
	f.set = func(c *entra.Connection, v string) error { *p(c) = strings.TrimSpace(v); return nil }
	return f
}

func (f formField) flag(p func(*entra.Connection) *bool) formField {
	f.kind = check
	f.get = func(c *entra.Connection) string {
		if *p(c) {
			return "yes"
		}
		return ""
	}
	f.set = func(c *entra.Connection, v string) error { *p(c) = v == "yes"; return nil }
	return f
}

// list takes values that hold neither white space nor commas, parted by either.
func (f formField) list(p func(*entra.Connection) *[]string) formField {
	return f.parted(p, func(v string) []string {
		return strings.FieldsFunc(v, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' })
	})
}

// names takes one value on each line.
func (f formField) names(p func(*entra.Connection) *[]string) formField {
	return f.parted(p, func(v string) []string {
		var list []string
		for one := range strings.Lines(v) {
			if one = strings.TrimSpace(one); one != "" {
				list = append(list, one)
			}
		}
		return list
	})
}

func (f formField) parted(p func(*entra.Connection) *[]string, split func(string) []string) formField {
	f.kind = lines
	f.get = func(c *entra.Connection) string { return strings.Join(*p(c), "\n") }
	f.set = func(c *entra.Connection, v string) error {
		*p(c) = nil
		if list := split(v); len(list) > 0 {
			*p(c) = list
		}
		return nil
	}
	return f
}

// hidden reports whether what the field holds is never shown.
func (f formField) hidden() bool { return f.kind == secret || f.kind == keyPair }

// sealed is a secret: never shown, and kept when the input is left empty, which is the Registrar's rule.
func (f formField) sealed(p func(*entra.Connection) *credential.Secret) formField {
	if f.kind == "" {
		f.kind = secret
	}
	f.stored = func(c *entra.Connection) bool { return !p(c).IsZero() }
	f.get = func(*entra.Connection) string { return "" }
	f.set = func(c *entra.Connection, v string) error {
		*p(c) = credential.Secret{}
		if v != "" {
			*p(c) = credential.NewSecret(v)
		}
		return nil
	}
	return f
}

func (f formField) day(p func(*entra.Connection) *time.Time) formField {
	f.kind = date
	f.get = func(c *entra.Connection) string {
		if p(c).IsZero() {
			return ""
		}
		return p(c).UTC().Format(time.DateOnly)
	}
	f.set = func(c *entra.Connection, v string) (err error) {
		if v == f.get(c) { // the form shows no hours
			return nil
		}
		*p(c) = time.Time{}
		if v != "" {
			if *p(c), err = time.Parse(time.DateOnly, v); err != nil {
				return errors.New("is not a date; write it as 2027-01-31")
			}
		}
		return nil
	}
	return f
}

// one offers values of a set, the first of which is the default.
func one[T ~string](f formField, p func(*entra.Connection) *T, offered ...choice) formField {
	f.kind = pick
	f.choices = func() []choice { return slices.Clone(offered) }
	f.get = func(c *entra.Connection) string { return string(*p(c)) }
	f.set = func(c *entra.Connection, v string) error { *p(c) = T(v); return nil }
	return f
}

func (f formField) count(p func(*entra.Connection) *int) formField {
	f.kind = number
	f.get = func(c *entra.Connection) string {
		if *p(c) == 0 {
			return ""
		}
		return strconv.Itoa(*p(c))
	}
	f.set = func(c *entra.Connection, v string) (err error) {
		*p(c) = 0
		if v = strings.TrimSpace(v); v != "" {
			if *p(c), err = strconv.Atoi(v); err != nil {
				return errors.New("is not a number")
			}
		}
		return nil
	}
	return f
}

// certificates are written as PEM, one after the other.
func (f formField) certificates(p func(*entra.Connection) *[]string) formField {
	const end = "-----END CERTIFICATE-----"
	f.kind = code
	f.get = func(c *entra.Connection) string { return strings.Join(*p(c), "\n") }
	f.set = func(c *entra.Connection, v string) error {
		if v == f.get(c) { // what stands around them stays too
			return nil
		}
		*p(c) = nil
		for rest := strings.TrimSpace(v); rest != ""; rest = strings.TrimSpace(rest) {
			one, after, whole := strings.Cut(rest, end)
			if whole {
				one += end
			}
			*p(c), rest = append(*p(c), one), after
		}
		return nil
	}
	return f
}

// params are written as JSON, as the management API has them.
func params(f formField) formField {
	f.kind = code
	f.get = func(c *entra.Connection) string {
		if len(c.UpstreamParams) == 0 {
			return ""
		}
		var b strings.Builder
		b.WriteString("{\n")
		for i, name := range slices.Sorted(maps.Keys(c.UpstreamParams)) {
			key, _ := json.Marshal(name)                     // a string always can be
			value, _ := json.Marshal(c.UpstreamParams[name]) // so can two of them
			if i > 0 {
				b.WriteString(",\n")
			}
			b.WriteString("  " + string(key) + ": " + string(value))
		}
		b.WriteString("\n}")
		return b.String()
	}
	f.set = func(c *entra.Connection, v string) error {
		c.UpstreamParams = nil
		if strings.TrimSpace(v) == "" {
			return nil
		}
		// The library's own reader, so that the form accepts what an export may hold and nothing else.
		var read entra.Connection
		if !json.Valid([]byte(v)) || read.UnmarshalJSON([]byte(`{"options":{"upstream_params":`+v+`}}`)) != nil {
			return errors.New(`they are not written as {"name": {"value": "…"}} or {"name": {"alias": "login_hint"}}`)
		}
		c.UpstreamParams = read.UpstreamParams
		return nil
	}
	return f
}

// fill puts what the form says into a connection: the sections' fields that the actor sees, and nothing else. It returns what could not be read.
func fill(c *entra.Connection, r *http.Request, by entra.Actor, sections ...formSection) entra.Findings {
	var found entra.Findings
	for _, s := range sections {
		for _, f := range s.fields {
			if f.operator && !by.IsEnvironment() {
				continue
			}
			typed, err := r.PostForm.Get(f.name), error(nil)
			if f.kind == keyPair {
				typed, err = pairIn(r, f.name, by)
				r.PostForm.Set(f.name, typed)
			}
			if err == nil {
				err = f.set(c, strings.ReplaceAll(typed, "\r\n", "\n"))
			}
			if err != nil {
				found = append(found, entra.Finding{Field: f.name, Problem: err.Error(), Severity: entra.SeverityError})
			}
		}
	}
	return found
}
