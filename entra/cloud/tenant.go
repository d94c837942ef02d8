package cloud

import "strings"

// Consumers is the tenant of personal Microsoft accounts.
const Consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"

// IsShared reports whether tenant is one of the words that stand for many tenants: common, organizations, consumers.
func IsShared(tenant string) bool {
	return tenant == "common" || tenant == "organizations" || tenant == "consumers"
}

// IsTenant reports whether tenant may stand in an authority's address: a GUID, a DNS domain, or a word of IsShared.
// Everything else, in particular anything with a slash, a dot segment or an escape, would let configuration
// reach another path or host.
func IsTenant(tenant string) bool {
	return IsShared(tenant) || IsGUID(tenant) || IsDomain(tenant)
}

// IsGUID reports whether s has the form 8-4-4-4-12 in hexadecimal digits of either case, without braces.
func IsGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	return true
}

// IsCanonicalGUID reports whether s is a GUID in lower case, as Entra writes tid and oid.
func IsCanonicalGUID(s string) bool { return IsGUID(s) && s == strings.ToLower(s) }

// IsDomain reports whether s is a DNS name of at least two labels in ASCII (RFC 1123 section 2.1; internationalised names
// as A-labels), without a trailing dot. A last label of digits only is an address, not a name.
func IsDomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	if len(labels) < 2 || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return false
	}
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '-' {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }
