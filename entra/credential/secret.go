package credential

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

const mask = "[redacted]"

// Secret is a string that prints, formats, encodes and logs as a mask. The zero value holds nothing.
//
// It is a struct around a pointer: fmt, which reads unexported fields of other structs past every method, then finds an address
// instead of the text. Reveal is the only way to the text. Compare with Equal; == compares addresses.
type Secret struct{ v *string }

// NewSecret keeps s. NewSecret("") is the zero Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal returns the string itself.
func (s Secret) Reveal() string {
	if s.v == nil {
		return ""
	}
	return *s.v
}

// IsZero reports whether nothing is held; so `json:",omitzero"` leaves an empty Secret out.
func (s Secret) IsZero() bool { return s.v == nil }

// Equal reports whether both hold the same text, in a time that depends on nothing but the lengths.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// LooksLikeID reports whether the text is a GUID. Entra's secrets never are; their ids, which stand beside them in the
// admin center, always are (AADSTS7000215).
func (s Secret) LooksLikeID() bool { return cloud.IsGUID(s.Reveal()) }

// String returns the mask, or "" if nothing is held.
func (s Secret) String() string {
	if s.v == nil {
		return ""
	}
	return mask
}

// Format writes the mask for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue is the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the mask; JSON, XML and YAML encoders call it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText keeps the text in clear, as an admin's form or an export brings it. The mask itself is refused: it is what
// was once printed in place of a secret.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == mask {
		return errors.New("credential: this is the mask of a secret, not a secret")
	}
	*s = NewSecret(string(text))
	return nil
}

// GobEncode returns the mask.
func (s Secret) GobEncode() ([]byte, error) { return []byte(s.String()), nil }

// GobDecode refuses: what gob has encoded holds no secret.
func (s *Secret) GobDecode([]byte) error {
	return errors.New("credential: a secret does not travel through gob")
}
