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
