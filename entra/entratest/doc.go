// Package entratest is a fake Microsoft Entra ID to develop and test against: many tenants, OpenID Connect, WS-Federation and Graph,
// with faults on demand. It is an ordinary HTTP server, imports no testing package, and shares no code with what it tests.
//
// [Start] starts one on loopback, with the sample's tenants ([Sample]) or with your own; [Server.Cloud] describes it to the code
// under test: an entra.Service and an entra.Registrar take it among their Clouds, and [Server.Client] as their HTTPClient. A connection
// names it in its field Cloud; with an empty Name it stands in for the public cloud, which a connection need not name. People sign in by clicking through its pages, or in a test by [Server.Authenticate], which plays browser and person.
// [Server.SetFaults] makes it go wrong, [Server.RotateKeys] rolls the keys over, [Server.Edit] changes the directory while it runs,
// and [Server.Requests] tells what it was asked.
//
// What Entra refuses it refuses, with Entra's codes. It is not to be reached from outside: nobody is asked for a password.
//
// The files: server.go and routes.go start, stop and serve; model.go, directory.go, manifest.go, sample.go and photo.go hold
// tenants; errors.go is how Entra refuses; keys.go and faults.go what the tests turn; account.go, session.go, pages.go and pages/
// the person in front of it; browser.go the scripted one; discovery.go, instance.go, authorize.go, scopes.go, client.go,
// thumbprint.go, token.go, redeem_scopes.go, tokens.go, idtoken.go, jwt.go, signout.go and consent.go OpenID Connect; graph*.go
// Graph; wsfed*.go, saml*.go and xmlsig.go WS-Federation.
package entratest
