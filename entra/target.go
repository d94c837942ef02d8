package entra

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// findCloud finds a connection's cloud among the host's own and Microsoft's.
func findCloud(own []cloud.Cloud, name string) (cloud.Cloud, bool) {
	for _, c := range own {
		if c.Name == name {
			return c, true
		}
	}
	return cloud.ByName(name)
}

func (s *Service) cloud(c *Connection) (cloud.Cloud, error) {
	cl, ok := findCloud(s.cfg.Clouds, c.Cloud)
	if !ok {
		return cl, NewError(KindConfiguration, fmt.Errorf("connection %s: unknown cloud %q", c.ID, c.Cloud))
	}
	return cl, nil
}

// target makes a connection ready for its driver.
func (s *Service) target(ctx context.Context, c *Connection) (Target, Driver, error) {
	d, ok := s.drivers[c.Strategy]
	if !ok {
		return Target{}, nil, NewError(KindConfiguration, fmt.Errorf("connection %s: no protocol for strategy %q", c.ID, c.Strategy))
	}
	cl, err := s.cloud(c)
	if err != nil {
		return Target{}, nil, err
	}
	callback, err := s.CallbackURL(ctx, c)
	if err != nil {
		return Target{}, nil, err
	}
	cred, err := s.credential(ctx, c)
	if err != nil {
		return Target{}, nil, credentialError(c, err)
	}
	return Target{Connection: c, Cloud: cl, Credential: cred, CallbackURL: callback}, d, nil
}

func (s *Service) credential(ctx context.Context, c *Connection) (credential.Credential, error) {
	if s.cfg.Credential != nil {
		return s.cfg.Credential(ctx, c)
	}
	return c.Credential()
}

// CallbackURL is the address to register at Entra (platform Web) for a connection: one per strategy and base URL.
//
// Errors: always *Error, of Config.CallbackBase: KindUnavailable where it fails, KindConfiguration where what it returns is no base for callbacks.
func (s *Service) CallbackURL(ctx context.Context, c *Connection) (string, error) {
	base := s.cfg.BaseURL
	if s.cfg.CallbackBase != nil && c.UseCustomDomain {
		custom, err := s.cfg.CallbackBase(ctx, c)
		if err != nil {
			return "", NewError(KindUnavailable, fmt.Errorf("connection %s: callback base: %w", c.ID, err))
		}
		if custom != "" {
			u, err := outbound.CheckURL(strings.TrimRight(custom, "/"))
			if err != nil || u.RawQuery != "" || (u.Scheme == "https") != s.secure {
				return "", NewError(KindConfiguration, fmt.Errorf("connection %s: callback base must be an https URL without query", c.ID))
			}
			base = u.String()
		}
	}
	return base + "/callback/" + c.Strategy.short(), nil
}

// short is the strategy's name in addresses: oauth2, wsfed.
func (s Strategy) short() string {
	name, _, _ := strings.Cut(string(s), ":")
	return name
}
