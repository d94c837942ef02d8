package claims

import (
	"fmt"

	"github.com/tenantdoor/tenantdoor/internal/strictjson"
)

// maxPayload bounds what is parsed, in bytes. Entra keeps tokens far below: a header of a web server holds 8 to 16 KB.
const maxPayload = 256 << 10

// ParseObject reads one JSON object strictly, so that no two readers can see different things in the same bytes.
//
// Refused, at every depth: a member given twice; two members that differ only in case; a member whose name is not
// printable ASCII (every claim that Entra defines is, and no look-alike letter, such as the long s of "ſub", is). Refused
// too: anything but one object, bytes that are not UTF-8, more than 256 KB or 16 levels. RFC 8259, section 4, leaves what
// becomes of duplicates to each reader, and encoding/json itself takes the last and ignores case.
//
// Numbers come back as json.Number, exactly as they were written. On error the map is nil.
func ParseObject(data []byte) (map[string]any, error) { return parse(data, nil) }

// parse also refuses a member at the top that differs from one in known only in case.
func parse(data []byte, known strictjson.Names) (map[string]any, error) {
	if len(data) > maxPayload {
		return nil, fmt.Errorf("claims: JSON is longer than %d bytes", maxPayload)
	}
	object, err := strictjson.Parse(data, known)
	if err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	return object, nil
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// clip bounds what a name from outside adds to an error.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}
