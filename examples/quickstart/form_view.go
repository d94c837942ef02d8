package main

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

// formView is the connection form, filled in.
type formView struct {
	Action, Version, Submit string
	Sections                []sectionView
	Exchanges               []exchangeView
	Problems                []problem // what stands in the way of saving, with where to mend it
	Again                   bool      // a secret was typed that has to be typed again
	Hints                   []problem // worth a look, and beside no field
	Differences             []difference
	TenantChanged           string // the connection whose domain went to another tenant
}

// problem is a finding in words. Field is the input's id, "" where there is none.
type problem struct{ Field, Text string }

// difference is a field that somebody else changed meanwhile, or that this form would change back.
type difference struct{ Label, Theirs, Yours string }

type sectionView struct {
	ID, Legend, Help string
	Folds, Open      bool
	Fields           []fieldView
	Callbacks        []callbackView
	Domains          []domainView
}

type fieldView struct {
	Name, Label, Help, Value  string
	Kind                      kind
	Checked, Set              bool // Set: a secret is there
	PFX                       bool // the certificate may come as PFX
	Choices                   []choice
	Errors, Warnings          []string
	DescribedBy, Autocomplete string
}

// exchangeView exchanges a credential.
type exchangeView struct {
	sectionView
	First, Next bool   // which of its places hold something
	Holds       string // what is in the first one, as far as it is no secret
}

type callbackView struct{ ID, Label, URL string }

// domainView is a home realm domain and what became of it.
type domainView struct {
	Domain, State, Note string
	Proven              bool
	Record              entra.Challenge // what to publish in DNS to prove it
}

// formOf fills the form with a connection, or with what somebody typed, and puts findings beside their fields.
func formOf(c *entra.Connection, typed url.Values, found entra.Findings, by entra.Actor) formView {
	v := formView{Version: c.Version, Submit: "Save", Action: "/connections/" + c.ID}
	beside := map[string]entra.Findings{}
	for _, f := range found {
		beside[f.Field] = append(beside[f.Field], f)
	}
	for _, s := range formSections {
		section := sectionView{ID: s.id, Legend: s.legend, Help: s.help, Folds: s.folds}
		if s.id == realmSection {
			section.Domains = domainViews(c)
		}
		for _, f := range s.fields {
			if f.operator && !by.IsEnvironment() {
				continue
			}
			one := v.field(f, c, typed, beside[f.name], by)
			delete(beside, f.name)
			section.Open = section.Open || one.Checked || one.Set || one.Value != "" || len(one.Errors)+len(one.Warnings) > 0
			section.Fields = append(section.Fields, one)
		}
		if s.folds && len(section.Fields) == 0 { // all of it is the operator's
			continue
		}
		v.Sections = append(v.Sections, section)
	}
	for _, s := range exchanges {
		e := exchangeView{sectionView: sectionView{ID: s.id, Legend: s.legend, Help: s.help}, First: holds(c, s.id), Next: s.fields[0].stored(c)}
		if s.id == "client_certificate" {
			e.Holds = certificateText(c.ClientCertificate)
		}
		for _, f := range s.fields {
			e.Fields = append(e.Fields, v.field(f, c, nil, beside[f.name], by))
			delete(beside, f.name)
		}
		v.Exchanges = append(v.Exchanges, e)
	}
	for _, f := range found { // in their order
		if _, left := beside[f.Field]; left && f.Field != "enabled_applications" && f.Severity != entra.SeverityOK {
			p := problem{Text: findingText(f)}
			if f.Severity == entra.SeverityError {
				v.Problems = append(v.Problems, p)
			} else {
				v.Hints = append(v.Hints, p)
			}
		}
	}
	return v
}

// field shows a field, and notes its faults.
func (v *formView) field(f formField, c *entra.Connection, typed url.Values, found entra.Findings, by entra.Actor) fieldView {
	one := f.view(c, typed, found)
	one.PFX = by.IsEnvironment()
	for _, text := range one.Errors {
		v.Problems = append(v.Problems, problem{Field: f.name, Text: text})
	}
	v.Again = v.Again || f.hidden() && (typed.Get(f.name) != "" || len(one.Errors) > 0)
	return one
}

// holds reports whether the place of a secret that a field names is taken.
func holds(c *entra.Connection, name string) bool {
	return slices.ContainsFunc(everyField, func(f formField) bool { return f.name == name && f.stored(c) })
}

func (f formField) view(c *entra.Connection, typed url.Values, found entra.Findings) fieldView {
	v := fieldView{Name: f.name, Label: f.label, Help: f.help, Kind: f.kind, Value: f.get(c)}
	if typed != nil && !f.hidden() { // a secret that was typed is not sent back: it is typed again
		v.Value = typed.Get(f.name)
	}
	switch f.kind {
	case check:
		v.Checked, v.Value = v.Value == "yes", ""
	case pick:
		v.Choices = f.choices()
		if !slices.ContainsFunc(v.Choices, func(o choice) bool { return o.Value == v.Value }) {
			v.Choices = append(v.Choices, choice{Value: v.Value, Label: v.Value})
		}
		for i := range v.Choices {
			v.Choices[i].Selected = v.Choices[i].Value == v.Value
		}
		if v.Choices[0].Selected {
			v.Value = "" // the default: no reason to unfold a section
		}
	case secret, keyPair:
		v.Set = f.stored(c)
	}
	for _, one := range found {
		switch one.Severity {
		case entra.SeverityError:
			v.Errors = append(v.Errors, findingText(one))
		case entra.SeverityWarning:
			v.Warnings = append(v.Warnings, findingText(one))
		}
	}
	var described []string
	for id, there := range map[string]bool{"-help": v.Help != "" || v.Set, "-error": len(v.Errors) > 0, "-warning": len(v.Warnings) > 0} {
		if there {
			described = append(described, f.name+id)
		}
	}
	slices.Sort(described)
	v.DescribedBy = strings.Join(described, " ")
	return v
}

// provers say who vouches for a domain.
var provers = map[string]string{
	entra.ProofByEnvironment: "the operator says so",
	entra.ProofByAuthority:   "the operator’s records say so",
	entra.ProofByEntra:       "Entra says so, and an administrator of the tenant",
}

func domainViews(c *entra.Connection) []domainView {
	var list []domainView
	for _, p := range c.DomainProofs {
		v := domainView{Domain: p.Domain, State: string(p.State), Proven: p.State == entra.DomainProven}
		switch {
		case v.Proven:
			v.Note = provers[p.By] + ", since " + p.At.Format(time.DateOnly)
		case p.State == entra.DomainLapsed:
			v.Note = "lost to another connection, or no longer the tenant’s"
		default:
			v.Note = "does not route yet"
		}
		list = append(list, v)
	}
	return list
}

// callbacks are the addresses to register for a connection: that of its strategy, or of each as long as it has not been saved.
func (h *host) callbacks(ctx context.Context, c *entra.Connection) ([]callbackView, error) {
	if c.Version != "" {
		address, err := h.service.CallbackURL(ctx, c)
		return []callbackView{{ID: "callback-url", Label: protocols[c.Strategy], URL: address}}, err
	}
	var list []callbackView
	for _, s := range []entra.Strategy{entra.OAuth2, entra.WSFed} {
		address, err := h.service.CallbackURL(ctx, &entra.Connection{Strategy: s})
		if err != nil {
			return nil, err
		}
		list = append(list, callbackView{ID: "callback-url-" + address[strings.LastIndexByte(address, '/')+1:], Label: protocols[s], URL: address})
	}
	return list, nil
}

// compare lists what the form and the store disagree about.
func compare(stored, mine *entra.Connection, by entra.Actor) []difference {
	var list []difference
	for _, s := range formSections {
		for _, f := range s.fields {
			if f.hidden() || f.operator && !by.IsEnvironment() || f.get(stored) == f.get(mine) {
				continue
			}
			list = append(list, difference{Label: f.label, Theirs: f.shown(stored), Yours: f.shown(mine)})
		}
	}
	return list
}

// shown is a value in words.
func (f formField) shown(c *entra.Connection) string {
	v := f.get(c)
	switch {
	case f.kind == check && v == "":
		return "off"
	case f.kind == check:
		return "on"
	case f.kind == pick:
		for _, o := range f.choices() {
			if o.Value == v {
				return o.Label
			}
		}
	case v == "":
		return "empty"
	}
	return v
}
