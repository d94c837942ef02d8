// Package arrows holds the rule of who may import whom; it has only a test.
package arrows

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/tenantdoor/tenantdoor"

// words, the ground floor, import nothing of ours; everyone else imports only what is listed, itself and internal/….
var allowed = map[string][]string{
	"claims":                        {"internal/strictjson"},
	"hrd":                           {},
	"entra/cloud":                   {},
	"entra/aadsts":                  {},
	"internal/lastgood":             {},
	"internal/outbound":             {},
	"internal/strictjson":           {},
	"entra/credential":              {"entra/cloud", "entra/aadsts", "internal/outbound", "internal/strictjson"},
	"entra/graph":                   {"claims", "entra/cloud", "entra/aadsts", "internal/outbound", "internal/strictjson"},
	"provisioning":                  {"claims", "hrd", "internal/strictjson"},
	"provisioning/provisioningtest": {"claims", "hrd", "provisioning", "internal/contract", "internal/strictjson"},
	"provisioning/bulk":             {"claims", "hrd", "provisioning", "internal/strictjson"},
	"entra":                         {"claims", "hrd", "entra/cloud", "entra/aadsts", "entra/credential", "entra/graph", "provisioning", "internal/outbound", "internal/strictjson"},
	"oauth2":                        {"claims", "hrd", "entra", "entra/cloud", "entra/aadsts", "entra/credential", "entra/graph", "provisioning", "internal/lastgood", "internal/outbound", "internal/strictjson"},
	"wsfed":                         {"claims", "hrd", "entra", "entra/cloud", "entra/aadsts", "entra/credential", "entra/graph", "provisioning", "internal/lastgood", "internal/outbound", "internal/strictjson"},
	"entra/memory":                  {"claims", "hrd", "entra", "entra/cloud", "entra/aadsts", "entra/credential", "entra/graph", "provisioning", "internal/outbound", "internal/strictjson"},
	"entra/storetest":               {"claims", "hrd", "entra", "entra/cloud", "entra/aadsts", "entra/credential", "entra/graph", "provisioning", "internal/contract", "internal/outbound", "internal/strictjson"},
	"entra/entratest":               {"entra/cloud"},
	"internal/arrows":               {},
	"internal/contract":             {},
	"internal/testservers":          {},
}

// TestArrows holds the plan of the house: production code, package by package, may reach only what the table says.
func TestArrows(t *testing.T) {
	for _, pkg := range goList(t, module+"/...") {
		room := strings.TrimPrefix(pkg, module+"/")
		want, known := allowed[room]
		if !known {
			t.Errorf("package %s is not in the plan: add it to the table with what it may import", room)
			continue
		}
		for _, dep := range deps(t, pkg) {
			if ours, ok := strings.CutPrefix(dep, module+"/"); ok && ours != room && !slices.Contains(want, ours) {
				t.Errorf("%s reaches %s", room, ours)
			}
		}
	}
}

// TestLinkedCode keeps test code, XML and heavy dependencies out of what a host links.
func TestLinkedCode(t *testing.T) {
	tests := map[string][]string{
		"oauth2": {"etree", "goxmldsig", "gosaml2", "encoding/xml", "testify", "testing", module + "/wsfed", "entratest"},
		"entra":  {"etree", "goxmldsig", "gosaml2", "encoding/xml", "testify", "testing", "go-oidc", module + "/oauth2", module + "/wsfed"},
		"wsfed":  {"go-oidc", "testify", "testing", module + "/oauth2", "entratest"},

		"entra/memory":                  {"testify", "testing"},
		"entra/entratest":               {"testify", "testing", "go-oidc", "go-jose", "goxmldsig", "etree"},
		"entra/storetest":               {"testify"},
		"provisioning/provisioningtest": {"testify"},
	}
	for room, refused := range tests {
		for _, dep := range deps(t, module+"/"+room) {
			for _, bad := range refused {
				if dep == bad || strings.Contains(dep, "/"+bad) || strings.HasPrefix(dep, bad+"/") {
					t.Errorf("%s links %s", room, dep)
				}
			}
			for _, driver := range []string{"database/sql", "github.com/redis", "go.opentelemetry.io"} {
				if strings.HasPrefix(dep, driver) {
					t.Errorf("%s links %s", room, dep)
				}
			}
		}
	}
}

func deps(t *testing.T, pkg string) []string {
	t.Helper()
	return goList(t, "-deps", pkg)
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Env = append(os.Environ(), "GOWORK=off") // the root module alone, as importers see it
	out, err := cmd.Output()
	require.NoError(t, err)
	list := strings.Fields(string(out))
	require.NotEmpty(t, list)
	return list
}
