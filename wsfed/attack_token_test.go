package wsfed_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// bent signs a token after one change to it, with the trusted key: the signature holds, and another check must refuse.
func bent(k token, change func(*token)) string {
	change(&k)
	return response(k.signed())
}

func TestConditions(t *testing.T) {
	audience := []wsfed.Check{wsfed.CheckAudience, wsfed.CheckConditions}
	conditions := []wsfed.Check{wsfed.CheckConditions, wsfed.CheckAudience, wsfed.CheckVersion}
	expired, early := []wsfed.Check{wsfed.CheckExpired}, []wsfed.Check{wsfed.CheckNotYetValid}
	times := []wsfed.Check{wsfed.CheckExpired, wsfed.CheckNotYetValid, wsfed.CheckConditions}
	const before, after = -5 * time.Minute, 55 * time.Minute
	skew := wsfed.DefaultSkew

	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			restrict, conditionsOf, p := audiences, conditions20, ""
			if good.v11 {
				restrict, conditionsOf, p = audiences11, conditions11, "saml:"
			}
			with := func(s string) string { return bent(good, func(k *token) { k.conditions = s }) }
			inner := func(s string) string { return with(conditionsOf(before, after, s)) }
			window := func(from, to time.Duration) string { return with(conditionsOf(from, to, restrict(realm))) }
			stamped := func(from, to string) string {
				return with(strings.NewReplacer(stamp(before), from, stamp(after), to).Replace(good.conditions))
			}
			without := func(name string) string {
				value := between(good.conditions, " "+name+`="`, `"`)
				return with(strings.Replace(good.conditions, " "+name+`="`+value+`"`, "", 1))
			}

			// The limits themselves are inside.
			accept(t, window(skew, after))
			accept(t, window(2*before, -skew+time.Millisecond))
			accept(t, window(before, 24*time.Hour+before))
			accept(t, inner(restrict("spn:other", realm, "spn:third")))
			accept(t, inner(restrict(realm)+restrict("spn:other", realm)))

			refuseAll(t, true, []attack{
				{"valid for more than a day", window(before, 24*time.Hour), conditions},
				{"valid until the year 9999", stamped(stamp(before), "9999-12-31T23:59:59Z"), conditions},
				{"no conditions", with(""), conditions},
				{"two conditions", with(good.conditions + good.conditions), conditions},
				{"no audience", inner(""), audience},
				{"empty restriction", inner(restrict()), audience},
				{"empty audience", inner(restrict("")), audience},
				{"other audience", inner(restrict("spn:other")), audience},
				{"audience in another case", inner(restrict(strings.ToUpper(realm))), audience},
				{"audience that begins like ours", inner(restrict(realm + "x")), audience},
				{"audience that ours begins with", inner(restrict(realm[:len(realm)-1])), audience},
				{"audience with a slash", inner(restrict(realm + "/")), audience},
				{"audience with white space", inner(restrict(" " + realm + " ")), audience},
				{"audience with a line feed", inner(restrict(realm + "\n")), audience},
				{"audience of two in one element", inner(restrict("spn:other " + realm)), audience},
				{"audience in one of two restrictions, first", inner(restrict(realm) + restrict("spn:other")), audience},
				{"audience in one of two restrictions, last", inner(restrict("spn:other") + restrict(realm)), audience},
				{"audience in one of two restrictions, the other empty", inner(restrict(realm) + restrict()), audience},
				{"audience outside a restriction", inner(element(p+"Audience", realm)), conditions},
				{"audience in another namespace", inner(`<x:AudienceRestriction xmlns:x="urn:x"><x:Audience>` + realm + `</x:Audience></x:AudienceRestriction>`), conditions},
				{"unknown condition", inner(restrict(realm) + `<x:Sober xmlns:x="urn:x"></x:Sober>`), conditions},
				{"unknown condition of SAML's own kind", inner(restrict(realm) + element(p+"Condition", "")), conditions},
				{"expired", window(-2*time.Hour, -time.Hour), expired},
				{"expired on the limit", window(2*before, -skew), expired},
				{"not yet valid", window(time.Hour, 2*time.Hour), early},
				{"not yet valid by a millisecond", window(skew+time.Millisecond, after), early},
				{"valid backwards", window(2*time.Minute, time.Minute), times},
				{"no NotBefore", without("NotBefore"), times},
				{"no NotOnOrAfter", without("NotOnOrAfter"), times},
				{"neither", with(strings.NewReplacer(` NotBefore="`+stamp(before)+`"`, "", ` NotOnOrAfter="`+stamp(after)+`"`, "").Replace(good.conditions)), times},
				{"NotBefore empty", stamped("", stamp(after)), times},
				{"NotOnOrAfter empty", stamped(stamp(before), ""), times},
				{"NotOnOrAfter a word", stamped(stamp(before), "never"), times},
				{"NotOnOrAfter a date", stamped(stamp(before), "2031-01-01"), times},
				{"NotOnOrAfter a number", stamped(stamp(before), "99999999999"), times},
				{"NotOnOrAfter without a zone", stamped(stamp(before), "2030-01-02T04:00:00"), times},
				{"NotOnOrAfter in month 13", stamped(stamp(before), "2030-13-01T00:00:00Z"), times},
				{"NotOnOrAfter with a space", stamped(stamp(before), "2030-01-02 04:00:00Z"), times},
				{"NotOnOrAfter past all years", stamped(stamp(before), "99999-01-01T00:00:00Z"), times},
				{"NotOnOrAfter with something behind", stamped(stamp(before), stamp(after)+"x"), times},
			})
			t.Run("no skew", func(t *testing.T) {
				none := func(c *wsfed.Config) { c.Skew = -1 }
				accept(t, window(0, time.Millisecond), none)
				refuseAll(t, true, []attack{
					{"expired on the limit", window(before, 0), expired},
					{"not yet valid by a millisecond", window(time.Millisecond, after), early},
				}, none)
			})
		})
	}
}

func TestIssuerAndTenant(t *testing.T) {
	byIssuer := []wsfed.Check{wsfed.CheckIssuer, wsfed.CheckTenant}
	byClaims := []wsfed.Check{wsfed.CheckTenant, wsfed.CheckClaims}
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			issued := func(by string) string {
				return bent(good, func(k *token) { k.issuer = strings.Replace(k.issuer, issuer, by, 1) })
			}
			moved := func(k *token) { // the other tenant's token, in every respect
				k.issuer = strings.ReplaceAll(k.issuer, tenant, otherTenant)
				k.attributes = strings.ReplaceAll(k.attributes, tenant, otherTenant)
			}
			attributes := func(old, with string) string {
				return bent(good, func(k *token) { k.attributes = strings.Replace(k.attributes, old, with, 1) })
			}
			refuseAll(t, true, []attack{
				{"other tenant, signed with the key that all tenants share", bent(good, moved), byIssuer},
				{"other tenant's issuer with our tenantid", issued(strings.Replace(issuer, tenant, otherTenant, 1)), byIssuer},
				{"tenantid of another tenant", attributes(tenant, otherTenant), byClaims},
				{"no tenantid", attributes(claimTenant[strings.LastIndexByte(claimTenant, '/')+1:], "other"), byClaims},
				{"empty tenantid", attributes(">"+tenant+"<", "><"), byClaims},
				{"tenantid in upper case", attributes(">"+tenant+"<", ">"+strings.ToUpper(strings.Replace(tenant, "1111", "aaaa", 1))+"<"), byClaims},
				{"two tenantid values", attributes(">"+tenant+"<", ">"+tenant+"</"+good.value()+"><"+good.value()+">"+otherTenant+"<"), byClaims},
				{"no object id", attributes(">"+mallory+"<", "><"), byClaims},
				{"object id that is none", attributes(">"+mallory+"<", ">mallory<"), byClaims},
				{"two object ids", attributes(">"+mallory+"<", ">"+mallory+"</"+good.value()+"><"+good.value()+">"+victim+"<"), byClaims},
				{"issuer without the slash", issued(strings.TrimSuffix(issuer, "/")), byIssuer},
				{"issuer with two slashes", issued(issuer + "/"), byIssuer},
				{"issuer as template", issued(strings.Replace(issuer, tenant, "{tenantid}", 1)), byIssuer},
				{"issuer as the documented template", issued(strings.Replace(issuer, tenant, "{tenant}", 1)), byIssuer},
				{"issuer over http", issued(strings.Replace(issuer, "https", "http", 1)), byIssuer},
				{"issuer in another case", issued(strings.Replace(issuer, "sts.", "STS.", 1)), byIssuer},
				{"issuer with more behind", issued(issuer + "x"), byIssuer},
				{"issuer with user info", issued(strings.Replace(issuer, "https://", "https://evil@", 1)), byIssuer},
				{"issuer with our issuer in its path", issued("https://evil.example/" + issuer), byIssuer},
				{"issuer with white space", issued(" " + issuer), byIssuer},
				{"issuer empty", issued(""), append(byIssuer, wsfed.CheckVersion)},
				{"public cloud's issuer", issued("https://sts.windows.net/" + tenant + "/"), byIssuer},
			})
		})
	}
	t.Run("2.0 structure", func(t *testing.T) {
		good := token20()
		refuseAll(t, true, []attack{
			{"no issuer", bent(good, func(k *token) { k.issuer = "" }), append(byForm, byIssuer...)},
			{"two issuers", bent(good, func(k *token) { k.issuer += k.issuer }), append(byForm, byIssuer...)},
			{"two tenantid attributes", bent(good, func(k *token) {
				k.attributes = strings.Replace(k.attributes, "</AttributeStatement>", attribute20(claimTenant, otherTenant)+"</AttributeStatement>", 1)
			}), byClaims},
			{"a second attribute statement with another person", bent(good, func(k *token) {
				k.attributes += attributes20(claimObject, victim)
			}), append(byClaims, wsfed.CheckVersion)},
			{"an object id that differs in case", bent(good, func(k *token) {
				k.attributes = strings.Replace(k.attributes, "</AttributeStatement>", attribute20(strings.Replace(claimObject, "object", "Object", 1), victim)+"</AttributeStatement>", 1)
			}), byClaims},
		})
	})
}

// value is the name of the elements that hold an attribute's values.
func (k token) value() string {
	if k.v11 {
		return "saml:AttributeValue"
	}
	return "AttributeValue"
}

// TestMultiTenant: with the keys that all tenants share, only the list keeps tenants apart.
func TestMultiTenant(t *testing.T) {
	const consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"
	of := func(id string) string {
		return bent(token20(), func(k *token) {
			k.issuer = strings.ReplaceAll(k.issuer, tenant, id)
			k.attributes = strings.ReplaceAll(k.attributes, tenant, id)
		})
	}
	byTenant := []wsfed.Check{wsfed.CheckTenant, wsfed.CheckIssuer}
	shared := func(c *wsfed.Config) { c.Tenant, c.MetadataURL = "", commonMetadataURL }
	listed := func(c *wsfed.Config) { shared(c); c.AllowedTenants = []string{tenant} }
	anyone := func(c *wsfed.Config) { shared(c); c.AnyTenant = true }

	assert.Equal(t, tenant, accept(t, of(tenant), listed).TenantID)
	assert.Equal(t, otherTenant, accept(t, of(otherTenant), anyone).TenantID)
	refuseAll(t, true, []attack{
		{"not listed", of(otherTenant), byTenant},
		{"the consumers' tenant", of(consumers), byTenant},
		{"tenantid of a listed tenant, issuer of another", bent(token20(), func(k *token) {
			k.issuer = strings.ReplaceAll(k.issuer, tenant, otherTenant)
		}), byTenant},
		{"issuer of a listed tenant, tenantid of another", bent(token20(), func(k *token) {
			k.attributes = strings.ReplaceAll(k.attributes, tenant, otherTenant)
		}), append(byTenant, wsfed.CheckClaims)},
		{"the template", bent(token20(), func(k *token) { k.issuer = strings.ReplaceAll(k.issuer, tenant, "{tenantid}") }), byTenant},
	}, listed)
	t.Run("any", func(t *testing.T) {
		refuseAll(t, true, []attack{
			{"the consumers' tenant", of(consumers), byTenant},
			{"the template", of("{tenantid}"), append(byTenant, wsfed.CheckClaims)},
			{"a tenant that is no GUID", of("contoso.com"), append(byTenant, wsfed.CheckClaims)},
			{"a tenant in upper case", of("AAAAAAAA-2222-4333-8444-555555555555"), append(byTenant, wsfed.CheckClaims)},
			{"a tenant with a path", of(tenant + "/" + otherTenant), append(byTenant, wsfed.CheckClaims)},
		}, anyone)
	})
}

func TestConfirmationAndSubject(t *testing.T) {
	byWho := []wsfed.Check{wsfed.CheckConfirmation, wsfed.CheckSubject, wsfed.CheckVersion}
	t.Run("2.0", func(t *testing.T) {
		good := token20()
		confirmed := func(s string) string {
			return bent(good, func(k *token) { k.subject = subject20("mallory-pairwise", s) })
		}
		method := func(m string) string { return confirmed(strings.Replace(confirmation20(""), bearer20, m, 1)) }
		future, past := stamp(10*time.Minute), stamp(-10*time.Minute)

		accept(t, confirmed(confirmation20(`NotOnOrAfter="`+future+`" Recipient="`+reply+`"`)))
		accept(t, confirmed(confirmation20(`NotOnOrAfter="`+future+`"`)))

		refuseAll(t, true, []attack{
			{"holder of key", method("urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"), byWho},
			{"sender vouches", method("urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"), byWho},
			{"bearer of SAML 1.1", method(bearer11), byWho},
			{"bearer in upper case", method(strings.ToUpper(bearer20)), byWho},
			{"method empty", method(""), byWho},
			{"no confirmation", confirmed(""), byWho},
			{"confirmed for somebody named in it", confirmed(strings.Replace(confirmation20(""), "></", "><NameID>victim-pairwise</NameID></", 1)), byWho},
			{"confirmed for another recipient", confirmed(confirmation20(`Recipient="https://evil.example/"`)), byWho},
			{"confirmed for a recipient that begins like ours", confirmed(confirmation20(`Recipient="` + reply + `.evil"`)), byWho},
			{"recipient empty", confirmed(confirmation20(`Recipient=""`)), byWho},
			{"confirmation expired", confirmed(confirmation20(`NotOnOrAfter="` + past + `"`)), nil},
			{"confirmation not yet valid", confirmed(confirmation20(`NotBefore="` + future + `"`)), nil},
			{"confirmation of unparsable time", confirmed(confirmation20(`NotOnOrAfter="soon"`)), nil},
			{"in response to a SAML request", confirmed(confirmation20(`InResponseTo="_1"`)), byWho},
			{"no subject", bent(good, func(k *token) { k.subject = "" }), byWho},
			{"two subjects", bent(good, func(k *token) { k.subject += subject20("victim-pairwise", confirmation20("")) }), byWho},
			{"two name identifiers", bent(good, func(k *token) {
				k.subject = strings.Replace(k.subject, "<SubjectConfirmation", "<NameID>victim-pairwise</NameID><SubjectConfirmation", 1)
			}), byWho},
			{"no name identifier", bent(good, func(k *token) { k.subject = element("Subject", confirmation20("")) }), byWho},
			{"name identifier empty", bent(good, func(k *token) { k.subject = subject20("", confirmation20("")) }), byWho},
			{"subject in another namespace", bent(good, func(k *token) {
				k.subject = strings.Replace(k.subject, "<Subject>", `<Subject xmlns="urn:x">`, 1)
			}), byWho},
		})
	})
	t.Run("1.1", func(t *testing.T) {
		good := token11()
		subjects := func(attributes, authns string) string {
			return bent(good, func(k *token) {
				k.attributes = strings.Replace(k.attributes, subject11("mallory-pairwise", bearer11), attributes, 1)
				k.authns = authn11(authns)
			})
		}
		mine, hers := subject11("mallory-pairwise", bearer11), subject11("victim-pairwise", bearer11)
		unconfirmed := `<saml:Subject><saml:NameIdentifier>mallory-pairwise</saml:NameIdentifier></saml:Subject>`
		refuseAll(t, true, []attack{
			{"another subject in the attribute statement", subjects(hers, mine), byWho},
			{"another subject in the authentication statement", subjects(mine, hers), byWho},
			{"another format of the same name", subjects(mine, strings.Replace(mine, "<saml:NameIdentifier>", `<saml:NameIdentifier Format="urn:x">`, 1)), byWho},
			{"another qualifier of the same name", subjects(mine, strings.Replace(mine, "<saml:NameIdentifier>", `<saml:NameIdentifier NameQualifier="urn:x">`, 1)), byWho},
			{"another subject in a second attribute statement", bent(good, func(k *token) {
				k.attributes += attributes11(hers, claimName, "victim@contoso.example")
			}), byWho},
			{"holder of key", subjects(subject11("mallory-pairwise", "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key"), mine), byWho},
			{"holder of key in the authentication statement", subjects(mine, subject11("mallory-pairwise", "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key")), byWho},
			{"bearer of SAML 2.0", subjects(subject11("mallory-pairwise", bearer20), subject11("mallory-pairwise", bearer20)), byWho},
			{"no confirmation", subjects(unconfirmed, unconfirmed), byWho},
			{"no confirmation in one statement", subjects(mine, unconfirmed), byWho},
			{"no subject", subjects("", mine), byWho},
			{"no statement", bent(good, func(k *token) { k.attributes, k.authns = "", "" }), append(byWho, wsfed.CheckClaims)},
		})
	})
}

func TestVersionAndID(t *testing.T) {
	shape := append([]wsfed.Check{wsfed.CheckVersion}, wsfed.CheckXML, wsfed.CheckSignature, wsfed.CheckEnvelope)
	attrs := func(k token, s string) string {
		return bent(k, func(k *token) { k.attrs = s })
	}
	t.Run("2.0", func(t *testing.T) {
		good := token20()
		at := func(id, version string) string {
			return attrs(good, ` ID="`+id+`" IssueInstant="`+stamp(0)+`" Version="`+version+`"`)
		}
		refuseAll(t, true, []attack{
			{"version 1.1", at(good.id, "1.1"), shape},
			{"version 2.1", at(good.id, "2.1"), shape},
			{"version empty", at(good.id, ""), shape},
			{"no version", attrs(good, ` ID="`+good.id+`" IssueInstant="`+stamp(0)+`"`), shape},
			{"no id", attrs(good, ` IssueInstant="`+stamp(0)+`" Version="2.0"`), shape},
			{"id empty", at("", "2.0"), shape},
			{"both ids", attrs(good, ` AssertionID="_other" ID="`+good.id+`" IssueInstant="`+stamp(0)+`" Version="2.0"`), shape},
			{"both ids, the same", attrs(good, ` AssertionID="`+good.id+`" ID="`+good.id+`" IssueInstant="`+stamp(0)+`" Version="2.0"`), shape},
			{"only an AssertionID", attrs(good, ` AssertionID="`+good.id+`" IssueInstant="`+stamp(0)+`" Version="2.0"`), shape},
			{"id in lower case", attrs(good, ` IssueInstant="`+stamp(0)+`" Version="2.0" id="`+good.id+`"`), shape},
		})
	})
	t.Run("1.1", func(t *testing.T) {
		good := token11()
		at := func(id, major, minor string) string {
			return attrs(good, ` AssertionID="`+id+`" IssueInstant="`+stamp(0)+`" Issuer="`+issuer+`" MajorVersion="`+major+`" MinorVersion="`+minor+`"`)
		}
		rest := ` IssueInstant="` + stamp(0) + `" Issuer="` + issuer + `" MajorVersion="1" MinorVersion="1"`
		refuseAll(t, true, []attack{
			{"version 2.1", at(good.id, "2", "1"), shape},
			{"version 1.0", at(good.id, "1", "0"), shape},
			{"version 1.2", at(good.id, "1", "2"), shape},
			{"no version", attrs(good, ` AssertionID="`+good.id+`" IssueInstant="`+stamp(0)+`" Issuer="`+issuer+`"`), shape},
			{"no id", attrs(good, rest), shape},
			{"both ids", attrs(good, ` AssertionID="`+good.id+`" ID="_other"`+rest), shape},
			{"both ids, the same", attrs(good, ` AssertionID="`+good.id+`" ID="`+good.id+`"`+rest), shape},
			{"only an ID", attrs(good, ` ID="`+good.id+`"`+rest), shape},
			{
				"no issuer", attrs(good, ` AssertionID="`+good.id+`" IssueInstant="`+stamp(0)+`" MajorVersion="1" MinorVersion="1"`),
				append(shape, wsfed.CheckIssuer),
			},
		})
	})
}

// oneTime returns the conditions with the one that forbids to use a token twice.
func oneTime(k token) string {
	if k.v11 {
		return strings.Replace(k.conditions, "</saml:Conditions>", "<saml:DoNotCacheCondition></saml:DoNotCacheCondition></saml:Conditions>", 1)
	}
	return strings.Replace(k.conditions, "</Conditions>", "<OneTimeUse></OneTimeUse></Conditions>", 1)
}

// TestReplay: an assertion is good once, however it is wrapped, whoever asks first.
func TestReplay(t *testing.T) {
	byReplay := []wsfed.Check{wsfed.CheckReplay}
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			once := good
			once.conditions = oneTime(good)
			for name, k := range map[string]token{"plain": good, "one-time": once} {
				signed := k.signed()
				again := map[string]string{
					"the same":                    response(signed),
					"in another envelope":         collection(signed),
					"with other white space":      strings.Replace(response(signed), "<t:RequestedSecurityToken>", "\n <t:RequestedSecurityToken>\n", 1),
					"signed again, the same id":   response(k.sign(signature{method: rsaSHA512})),
					"the certificate not shown":   response(k.sign(signature{keyInfo: "-"})),
					"signed with the second key":  response(k.sign(signature{key: keys().second.key, keyInfo: x509KeyInfo(keys().second)})),
					"other content, the same id":  response(k.as(victim).signed()),
					"with a byte order mark":      "\ufeff" + response(signed),
					"with trailing white space":   response(signed) + "\n",
					"with character references":   strings.Replace(response(signed), ">Mallory<", ">&#77;allory<", 1),
					"with single quotes":          strings.Replace(response(signed), `IssueInstant="`+stamp(0)+`"`, `IssueInstant='`+stamp(0)+`'`, 1),
					"with another namespace hint": strings.Replace(response(signed), "<t:RequestSecurityTokenResponse ", `<t:RequestSecurityTokenResponse xmlns:x="urn:x" `, 1),
				}
				for how, second := range again {
					t.Run(name+" "+how, func(t *testing.T) {
						d := newDoor(t)
						_, err := d.Verify(t.Context(), []byte(response(signed)))
						require.NoError(t, err)
						id, err := d.Verify(t.Context(), []byte(second))
						requireRefused(t, d, id, err, byReplay)
					})
				}
			}
			t.Run("kept until the token is dead everywhere", func(t *testing.T) {
				d := newDoor(t)
				_, err := d.Verify(t.Context(), []byte(response(good.signed())))
				require.NoError(t, err)
				require.Len(t, d.replay.seen, 1)
				for id, until := range d.replay.seen {
					require.Regexp(t, `^[0-9a-f]{64}$`, id)
					require.False(t, until.Before(forgeNow.Add(55*time.Minute+wsfed.DefaultSkew+time.Minute)), "forgotten at %s, while the token is still good", until)
				}
			})
		})
	}

	t.Run("on two machines at once", func(t *testing.T) {
		shared := new(replaySpy)
		one := newDoor(t, func(c *wsfed.Config) { c.Replay = shared })
		two := newDoor(t, func(c *wsfed.Config) { c.Replay = shared })
		answer := []byte(response(token20().signed()))
		var in atomic.Int32
		var g sync.WaitGroup
		for i := range 32 {
			g.Go(func() {
				d := one
				if i%2 == 0 {
					d = two
				}
				if id, err := d.Verify(t.Context(), answer); err == nil && id != nil {
					in.Add(1)
				}
			})
		}
		g.Wait()
		require.EqualValues(t, 1, in.Load())
	})

	t.Run("two different assertions", func(t *testing.T) {
		d := newDoor(t)
		for _, k := range []token{token20(), token20().withID("_another"), token11()} {
			_, err := d.Verify(t.Context(), []byte(response(k.signed())))
			require.NoError(t, err)
		}
	})

	t.Run("a store that fails refuses", func(t *testing.T) {
		d := newDoor(t)
		d.replay.err = errors.New("down")
		id, err := d.Verify(t.Context(), []byte(response(token20().signed())))
		require.ErrorIs(t, err, wsfed.ErrUnavailable)
		require.Nil(t, id)
		require.Equal(t, 1, d.replay.calls)
	})

	t.Run("the store gets the caller's context", func(t *testing.T) {
		type mark struct{}
		seen := false
		d := newDoor(t, func(c *wsfed.Config) {
			c.Replay = replayFunc(func(ctx context.Context) { seen = ctx.Value(mark{}) != nil })
		})
		_, err := d.Verify(context.WithValue(t.Context(), mark{}, 1), []byte(response(token20().signed())))
		require.NoError(t, err)
		require.True(t, seen)
	})
}

type replayFunc func(context.Context)

func (f replayFunc) Remember(ctx context.Context, _ string, _ time.Time) (bool, error) {
	f(ctx)
	return true, nil
}

// TestInstants: a token that comes from the future, a session that has ended, and a sign-in that is older than was asked for.
func TestInstants(t *testing.T) {
	early, expired := []wsfed.Check{wsfed.CheckNotYetValid}, []wsfed.Check{wsfed.CheckExpired}
	unreadable := []wsfed.Check{wsfed.CheckNotYetValid, wsfed.CheckVersion, wsfed.CheckConditions, wsfed.CheckClaims}
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			authenticated := func(at string) string {
				return bent(good, func(k *token) { k.authns = strings.Replace(k.authns, stamp(-time.Second), at, 1) })
			}
			head, _ := good.around()
			issued := func(at string) string {
				return bent(good, func(k *token) {
					k.attrs = strings.Replace(" "+between(head, `assertion" `, ">"), stamp(0), at, 1)
				})
			}
			skew := wsfed.DefaultSkew
			accept(t, authenticated(stamp(skew)))
			accept(t, issued(stamp(skew)))
			refuseAll(t, true, []attack{
				{"authenticated in the future", authenticated(stamp(skew + time.Millisecond)), early},
				{"authenticated at no time", authenticated("recently"), unreadable},
				{"issued in the future", issued(stamp(skew + time.Millisecond)), early},
				{"issued at no time", issued("recently"), unreadable},
			})
			t.Run("fresh sign-in asked for", func(t *testing.T) {
				d := newDoor(t)
				old := authenticated(stamp(-time.Hour))
				id, err := d.Verify(t.Context(), []byte(old), wsfed.AuthenticatedSince(forgeNow))
				requireRefused(t, d, id, err, []wsfed.Check{wsfed.CheckFreshness})
				id, err = d.Verify(t.Context(), []byte(old), wsfed.AuthenticatedSince(forgeNow.Add(-time.Hour)))
				require.NoError(t, err)
				require.NotNil(t, id)
			})
			t.Run("fresh sign-in asked for, and the token does not say", func(t *testing.T) {
				d := newDoor(t)
				silent := bent(good, func(k *token) { k.authns = "" })
				id, err := d.Verify(t.Context(), []byte(silent), wsfed.AuthenticatedSince(forgeNow.Add(-time.Hour)))
				requireRefused(t, d, id, err, []wsfed.Check{wsfed.CheckFreshness})
			})
		})
	}
	t.Run("session", func(t *testing.T) {
		until := func(at string) string {
			return bent(token20(), func(k *token) { k.authns = authn20(`SessionNotOnOrAfter="` + at + `"`) })
		}
		id := accept(t, until(stamp(time.Minute)))
		require.True(t, forgeNow.Add(time.Minute).Equal(id.SessionEnd), "%s", id.SessionEnd) // the host ends its session then
		refuseAll(t, true, []attack{
			{"ended", until(stamp(-wsfed.DefaultSkew)), expired},
			{"ends at no time", until("late"), unreadable},
		})
	})
}
