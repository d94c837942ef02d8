package entra

import (
	"net/url"
	"path"
	"strings"
)

const maxReturn = 1024 // bytes

// returnTo returns address if it may be returned to, else the default page: an open redirect would lend our name to anyone's page
// (RFC 9700 section 4.11). Relative addresses are paths of this origin; absolute ones must be on the list. An address that browsers and
// net/url might read differently is not allowed.
func (s *Service) returnTo(address string) string {
	if s.returnAllowed(address) {
		return address
	}
	return s.cfg.DefaultReturn
}

func (s *Service) returnAllowed(address string) bool {
	if address == "" || len(address) > maxReturn {
		return false
	}
	for i := range len(address) {
		// Browsers drop tabs and line breaks and read "\" as "/"; what is not ASCII belongs there percent-encoded.
		if c := address[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" {
		return false
	}
	// What decodes to another structure is refused, so that no proxy's or router's second decoding changes where it leads.
	decoded := strings.ToLower(u.Path)
	if strings.HasPrefix(decoded, "//") || strings.ContainsAny(decoded, "\\\r\n\x00") || strings.Contains(decoded, "%2f") || strings.Contains(decoded, "%5c") {
		return false
	}
	// "/.//host" is a path of this origin to browsers; to whoever resolves the dots and reads the rest anew it is another host.
	if strings.Contains(decoded, "//") && hasDots(decoded) {
		return false
	}
	if u.Scheme == "" && u.Host == "" {
		return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
	}
	for _, allowed := range s.returns {
		if u.Scheme == allowed.Scheme && u.Host == allowed.Host && within(u.Path, allowed.Path) {
			return true
		}
	}
	return false
}

// hasDots reports whether a path has dot segments (RFC 3986 section 5.2.4).
func hasDots(p string) bool {
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// within reports whether p is base or lies below it, dot segments resolved.
func within(p, base string) bool {
	base = strings.TrimRight(base, "/")
	p = path.Clean("/" + p)
	return base == "" || p == base || strings.HasPrefix(p, base+"/")
}
