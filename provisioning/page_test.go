package provisioning_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// The page names every reason, refusal to join and event that the code has, with the code's own words, and no other.
func TestDecisionPage(t *testing.T) {
	b, err := os.ReadFile("DECISION.md")
	require.NoError(t, err)
	page := string(b)
	for _, c := range []struct {
		file, constant string
		explain        func(word string) string
	}{
		{"decision.go", `\sReason = "([a-z_]+)"`, func(word string) string { return provisioning.Reason(word).Explain() }},
		{"audit.go", `\sEvent = "([a-z_]+)"`, func(word string) string { return provisioning.Event(word).Explain() }},
		{"joining.go", `\sJoinRefusal = "([a-z_]+)"`, func(string) string { return "" }},
	} {
		source, err := os.ReadFile(c.file)
		require.NoError(t, err)
		words := regexp.MustCompile(c.constant).FindAllStringSubmatch(string(source), -1)
		require.NotEmpty(t, words)
		for _, w := range words {
			row := regexp.MustCompile("(?m)^\\| `" + w[1] + "` \\|.*$").FindString(page) // words of different tables may be the same: the first is taken
			require.Contains(t, row, c.explain(w[1]), w[1])
			require.NotEmpty(t, row, w[1])
			page = strings.Replace(page, row, "", 1)
		}
	}
	require.NotRegexp(t, "(?m)^\\| `", page, "a row of something that is no more")
}
