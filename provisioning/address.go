package provisioning

import (
	"strings"

	"github.com/tenantdoor/tenantdoor/hrd"
)

// Fold returns the form in which addresses are compared: the domain canonical (A-labels, lower case, no trailing dot), ASCII
// letters of the local part in lower case. What is not one plain address gives "", which equals no address.
//
// Letters beyond ASCII are left alone on purpose: Unicode lower-casing maps look-alikes onto ASCII letters (the Kelvin sign
// onto k), and an address must never equal another mailbox's. Folding twice gives the same.
func Fold(address string) string {
	domain, err := hrd.Domain(address)
	if err != nil {
		return ""
	}
	local := address[:strings.LastIndexByte(address, '@')]
	folded := strings.Map(lowerASCII, local) + "@" + domain
	if len(folded) > maxAddress { // A-labels are longer than what they stand for
		return ""
	}
	return folded
}

// maxAddress is the longest address in bytes: RFC 5321, section 4.5.3.1.3, without the angle brackets.
const maxAddress = 254

func lowerASCII(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + ('a' - 'A')
	}
	return r
}

// domainOf returns the domain of a folded address.
func domainOf(folded string) string { return folded[strings.LastIndexByte(folded, '@')+1:] }
