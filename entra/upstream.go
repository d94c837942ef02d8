package entra

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

const maxParam = 512 // bytes of an upstream parameter's value

// upstream resolves the connection's upstream parameters: static values, and aliases that stand for one of this sign-in's hints. A hint
// that is absent leaves its parameter out; one that is not a single line of text is left out too, for it comes from a stranger.
// A reserved name is refused although saving refused it already: stores can be written by other means.
func (c *Connection) upstream(hints map[string]string) (url.Values, error) {
	params := url.Values{}
	for name, p := range c.UpstreamParams {
		if name == "" || Reserved(name) {
			return nil, fmt.Errorf("upstream parameter %q is reserved", name)
		}
		value := p.Value
		if p.Alias != "" {
			value = hints[p.Alias]
			if !oneLine(value) {
				continue
			}
		} else if !oneLine(value) {
			return nil, fmt.Errorf("the value of upstream parameter %q is not one line of at most %d bytes", name, maxParam)
		}
		if value != "" {
			params.Set(name, value)
		}
	}
	return params, nil
}

// named returns those hints that the connection's aliases name.
func (c *Connection) named(hints map[string]string) map[string]string {
	var out map[string]string
	for _, p := range c.UpstreamParams {
		if v := hints[p.Alias]; p.Alias != "" && v != "" && oneLine(v) {
			out = withHint(out, p.Alias, v)
		}
	}
	return out
}

// oneLine reports whether v is at most 512 bytes of UTF-8 without control characters.
func oneLine(v string) bool {
	return len(v) <= maxParam && utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool {
		return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029'
	})
}
