package entratest

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// isThumbprint tells whether a header member is this hash. RFC 7515, sections 4.1.7 and 4.1.8, want base64url without padding; Entra also
// takes plain base64, which is what MSAL for Go sends.
func isThumbprint(member string, hash []byte) bool {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(member, "="))
	decoded, err := base64.RawStdEncoding.DecodeString(plain)
	return err == nil && bytes.Equal(decoded, hash)
}
