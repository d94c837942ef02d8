package hrd

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrInvalid is what every refused address or domain wraps. Its text never repeats what was refused.
var ErrInvalid = errors.New("hrd: not a usable address or domain")

// Bounds in bytes: RFC 5321, sections 4.5.3.1.1 to 4.5.3.1.3, and RFC 1035, section 2.3.4.
const (
	maxAddress = 254
	maxLocal   = 64
	maxDomain  = 253
	maxLabel   = 63
	// maxTyped bounds a domain before it is mapped, where a letter may take up to four bytes, and composed ones more.
	maxTyped = 4 * maxDomain
)

// profile is IDNA lookup processing (UTS 46, non-transitional; RFC 5891, section 5) with DNS lengths: letters are mapped to
// lower case and normalised, dots of other scripts become dots, A-labels are decoded and checked, and what is not a letter,
// digit or hyphen is refused.
var profile = idna.New(
	idna.MapForLookup(), // with hyphens and joiners checked
	idna.Transitional(false),
	idna.BidiRule(),
	idna.VerifyDNSLength(true), // and no empty label but the last
)

// Domain returns the canonical domain of an address, as [Canonical] does.
//
// The address is read strictly, because a mail server, a provider and a router that read it differently would disagree
// about whose it is: one "@"; before it a dot-atom (RFC 5322, section 3.2.3; RFC 6531 for letters beyond ASCII) of at most 64
// bytes. Quoted local parts, comments, white space, control and invisible characters, several "@" and address literals are
// refused. A form that wants to forgive white space around the address trims it first.
//
// An error wraps [ErrInvalid].
func Domain(address string) (string, error) {
	if len(address) > maxAddress {
		return "", invalid("address is longer than %d bytes", maxAddress)
	}
	if !utf8.ValidString(address) {
		return "", invalid("address is not UTF-8")
	}
	local, domain, ok := strings.Cut(address, "@")
	if !ok || strings.Contains(domain, "@") {
		return "", invalid("address must hold exactly one @")
	}
	if err := checkLocal(local); err != nil {
		return "", err
	}
	return canonical(domain)
}

// checkLocal accepts a dot-atom.
func checkLocal(local string) error {
	if local == "" || len(local) > maxLocal {
		return invalid("part before the @ must be 1 to %d bytes", maxLocal)
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return invalid("part before the @ has a dot at its start, its end, or beside another")
		}
		for _, c := range atom {
			if !isAtext(c) {
				return invalid("part before the @ holds a character that is not allowed there")
			}
		}
	}
	return nil
}

func isAtext(c rune) bool {
	if c < utf8.RuneSelf {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", c)
	}
	return unicode.In(c, unicode.L, unicode.N, unicode.M) // no spaces, no format characters, no look-alikes of @
}

// Canonical returns a domain in the one form in which domains are compared: A-labels, lower case, no trailing dot. A leading
// "@" is dropped.
//
// Refused: IP addresses in any notation, a single label, empty labels, what is not a host name after IDNA lookup
// processing, labels over 63 and domains over 253 bytes, and labels that imitate others: those that mix scripts as no
// language does, and those that consist only of letters that look like Latin ones (UTS 39, sections 4 and 5).
//
// An error wraps [ErrInvalid].
func Canonical(domain string) (string, error) {
	return canonical(strings.TrimPrefix(domain, "@"))
}

func canonical(typed string) (string, error) {
	if isCanonical(typed) {
		return typed, nil
	}
	switch {
	case typed == "":
		return "", invalid("domain is empty")
	case len(typed) > maxTyped:
		return "", invalid("domain is too long")
	case !utf8.ValidString(typed):
		return "", invalid("domain is not UTF-8")
	}
	ascii, err := profile.ToASCII(typed)
	if err != nil {
		return "", invalid("domain is not a host name") // the library's error repeats the input
	}
	ascii = strings.ToLower(strings.TrimSuffix(ascii, "."))
	dot := strings.LastIndexByte(ascii, '.')
	if dot < 0 {
		return "", invalid("domain has only one label")
	}
	if looksNumeric(ascii[dot+1:]) {
		return "", invalid("domain is an IP address")
	}
	if err := checkImitation(ascii); err != nil {
		return "", err
	}
	return ascii, nil
}

// isCanonical recognises the usual domain at once: lower-case ASCII host names without A-labels. It never says yes to
// anything that the long way would refuse or change.
func isCanonical(s string) bool {
	if len(s) > maxDomain {
		return false
	}
	start, labels, letter := 0, 0, false
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			c := s[i]
			switch {
			case 'a' <= c && c <= 'z':
				letter = true
			case '0' <= c && c <= '9':
			case c == '-' && i > start && i+1 < len(s) && s[i+1] != '.' && i != start+3: // "--" in third place marks A-labels
			default:
				return false
			}
			continue
		}
		if i == start || i-start > maxLabel {
			return false
		}
		if i == len(s) && (!letter || looksNumeric(s[start:])) {
			return false
		}
		start, letter = i+1, false
		labels++
	}
	return labels >= 2
}

// looksNumeric reports whether a host name that ends in this label is taken for an IPv4 address (WHATWG URL, "ends in a
// number"): 192.0.2.1, 3221225985, 0x7f.1.
func looksNumeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}
