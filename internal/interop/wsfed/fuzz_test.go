package wsfed_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzWhatWeAcceptOthersAccept: whatever is done to an answer that a real server signed, it is refused and gives nothing, or it says what the original
// says, in octets that the JDK verified too. The captures' keys are not ours, so nothing but what they signed can ever verify.
func FuzzWhatWeAcceptOthersAccept(f *testing.F) {
	others := newVerifiers(f)
	samples, broken := fixtures(f)
	trusted := make([]string, len(samples))
	for i, s := range samples {
		trusted[i] = others.trust(f, s)
		f.Add(i, []byte(s.document))
		for _, b := range broken {
			f.Add(i, []byte(b.document))
		}
	}
	if len(samples) == 0 {
		f.Skip("no captures to begin with")
	}
	f.Fuzz(func(t *testing.T, which int, document []byte) {
		which = int(uint(which) % uint(len(samples)))
		s := samples[which]
		id, err := s.verify(t, string(document))
		if err != nil {
			require.Nil(t, id)
			return
		}
		want, err := s.verify(t, s.document)
		require.NoError(t, err)
		require.Equal(t, want, id)
		octets, err := others.byJDK(t, others.write(t, "fuzzed", []byte(withoutKeyInfo(string(document)))), trusted[which])
		require.NoError(t, err, "accepted by us only")
		requireSaid(t, octets, id)
	})
}
