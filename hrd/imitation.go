package hrd

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// scripts are those whose letters are told apart; letters of any other script count as one more.
var scripts = []*unicode.RangeTable{
	unicode.Latin, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo,
	unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Georgian, unicode.Cherokee, unicode.Hebrew, unicode.Arabic,
	unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
	unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Thai, unicode.Lao, unicode.Tibetan, unicode.Myanmar,
	unicode.Khmer, unicode.Ethiopic, unicode.Mongolian,
}

// Bits of the scripts that Chinese, Japanese and Korean mix with each other and with Latin (UTS 39, section 5.2, "highly
// restrictive").
const (
	latin = 1 << iota
	han
	hiragana
	katakana
	hangul
	bopomofo
)

const otherScript = 1 << 31

var mixtures = []uint32{
	latin | han | hiragana | katakana,
	latin | han | bopomofo,
	latin | han | hangul,
}

// latinLookalikes are the lower-case letters of other scripts that can stand for Latin ones, by their shape (UTS 39,
// confusables). A label of nothing else ("соре.com", all Cyrillic) imitates a Latin one, unless the top-level domain is of
// another script too.
const latinLookalikes = "асԁеһіјӏорԛѕԝхуьгпѵүҽ" + // Cyrillic
	"αικνορτυχωη" + // Greek
	"ոսօհցքյղզ" // Armenian

// checkImitation looks at the labels as people read them. domain is in A-labels and well formed.
func checkImitation(domain string) error {
	if !strings.Contains(domain, "xn--") {
		return nil
	}
	shown, err := idna.ToUnicode(domain)
	if err != nil {
		return invalid("domain is not a host name")
	}
	top := domain[strings.LastIndexByte(domain, '.')+1:]
	for label := range strings.SplitSeq(shown, ".") {
		if !oneLanguage(label) {
			return invalid("domain mixes scripts within a label")
		}
		if allLookalikes(label) && !strings.HasPrefix(top, "xn--") {
			return invalid("domain has a label that looks like another one")
		}
	}
	return nil
}

// oneLanguage reports whether the letters of a label are of one script, or of a mixture that people write.
func oneLanguage(label string) bool {
	var used uint32
	for _, c := range label {
		if unicode.In(c, unicode.Common, unicode.Inherited) {
			continue
		}
		bit := uint32(otherScript)
		for i, table := range scripts {
			if unicode.Is(table, c) {
				bit = 1 << i
				break
			}
		}
		used |= bit
	}
	if used&(used-1) == 0 {
		return true
	}
	for _, m := range mixtures {
		if used&^m == 0 {
			return true
		}
	}
	return false
}

// allLookalikes reports whether a label has letters, none of them Latin, that all could be taken for Latin ones.
func allLookalikes(label string) bool {
	letters := 0
	for _, c := range label {
		if !unicode.IsLetter(c) {
			continue
		}
		if letters++; !strings.ContainsRune(latinLookalikes, c) {
			return false
		}
	}
	return letters > 0
}
