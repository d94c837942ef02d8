package main

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tenantdoor/tenantdoor/entra"
)

// findingView is a finding in words, beside a mark that does not depend on color.
type findingView struct{ Severity, Mark, Problem, Fix, Who string }

var marks = map[entra.Severity]string{entra.SeverityOK: "OK", entra.SeverityWarning: "Look", entra.SeverityError: "Fault"}

// findingViews are sorted by severity, the worst first.
func findingViews(found entra.Findings) []findingView {
	found = slices.Clone(found)
	slices.SortStableFunc(found, func(a, b entra.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	list := make([]findingView, len(found))
	for i, f := range found {
		list[i] = findingView{Severity: f.Severity.String(), Mark: marks[f.Severity], Problem: problemText(f), Fix: sentence(inWords.Replace(f.Fix))}
		if f.Severity != entra.SeverityOK {
			list[i].Who = menders[f.Mender]
		}
	}
	return list
}

// findingText makes sentences of a finding: what is wrong, and what to do.
func findingText(f entra.Finding) string {
	return strings.TrimSpace(problemText(f) + " " + sentence(inWords.Replace(f.Fix)))
}

// predicates begin those problems whose subject is the field.
var predicates = []string{"admits", "belongs", "cannot", "has", "holds", "is", "links", "looks", "needs", "sends", "stands"}

// problemText is what a finding found, in a sentence that names the field.
func problemText(f entra.Finding) string {
	text := inWords.Replace(f.Problem)
	first, _, _ := strings.Cut(text, " ")
	switch label := fieldLabel(f.Field); {
	case label == "":
		return sentence(text)
	case slices.Contains(predicates, first):
		return sentence(label + " " + text)
	case first == "accepts", first == "reads":
		return sentence("it " + text) // the connection does
	case strings.Contains(strings.ToLower(text), strings.ToLower(label)):
		return sentence(text) // it names the field by itself
	default:
		return label + ": " + sentence(text)
	}
}

// fieldLabel names a member of the JSON as the form does.
func fieldLabel(name string) string {
	for _, f := range everyField {
		if f.name == name {
			return f.label
		}
	}
	return cmp.Or(map[string]string{"callback_url": "Callback URL", "enabled_applications": "Applications", "tenant_id": "Tenant"}[name], name)
}

// sentence makes a sentence of a phrase. A domain keeps its spelling.
func sentence(phrase string) string {
	first, size := utf8.DecodeRuneInString(phrase)
	if size == 0 {
		return ""
	}
	if word, _, _ := strings.Cut(phrase, " "); strings.Contains(strings.TrimRight(word, ".,:;"), ".") {
		return phrase + "."
	}
	return string(unicode.ToUpper(first)) + phrase[size:] + "."
}
