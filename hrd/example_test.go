package hrd_test

import (
	"context"
	"fmt"

	"github.com/tenantdoor/tenantdoor/hrd"
)

func ExampleDomain() {
	domain, err := hrd.Domain("Ann.Archer@Contoso.com")
	fmt.Println(domain, err)

	_, err = hrd.Domain("attacker@evil.example@contoso.com")
	fmt.Println(err)
	// Output:
	// contoso.com <nil>
	// hrd: not a usable address or domain: address must hold exactly one @
}

func ExampleCanonical() {
	for _, s := range []string{"@Contoso.com.", "bücher.example", "XN--BCHER-KVA.example"} {
		domain, err := hrd.Canonical(s)
		fmt.Println(domain, err)
	}
	// Output:
	// contoso.com <nil>
	// xn--bcher-kva.example <nil>
	// xn--bcher-kva.example <nil>
}

func ExampleIndex() {
	var index hrd.Index
	if err := index.Set("conn_contoso", []string{"@contoso.com", "contoso.io"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(index.Set("conn_other", []string{"CONTOSO.com."}))

	domain, _ := hrd.Domain("ann@contoso.io")
	connection, found, _ := index.HomeRealm(context.Background(), domain)
	fmt.Println(connection, found)
	// Output:
	// hrd: domain contoso.com belongs to another connection
	// conn_contoso true
}

// Everybody below contoso.com is led to one connection, save those of one of its countries.
func ExampleLookup() {
	var index hrd.Index
	for connection, domains := range map[string][]string{"conn_contoso": {"contoso.com", "*.contoso.com"}, "conn_japan": {"jp.contoso.com"}} {
		if err := index.Set(connection, domains); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, address := range []string{"ann@contoso.com", "ben@mail.contoso.com", "emi@jp.contoso.com", "eve@contoso.com.example"} {
		domain, err := hrd.Domain(address)
		if err != nil {
			fmt.Println(err)
			return
		}
		connection, found, err := hrd.Lookup(context.Background(), &index, domain)
		fmt.Println(address, connection, found, err)
	}
	// Output:
	// ann@contoso.com conn_contoso true <nil>
	// ben@mail.contoso.com conn_contoso true <nil>
	// emi@jp.contoso.com conn_japan true <nil>
	// eve@contoso.com.example  false <nil>
}
